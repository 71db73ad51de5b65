"""The local engine; a broker of their own for the tests of a file, and converters that do not outlive their test."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import docker
import pytest
from docker.errors import DockerException

from infra.paths import SERVICES
from tests.support.converter_process import PARTITIONS, Converter
from tests.support.kafka_broker import Broker, Topics, broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.collector_process import Collector


sys.path[:0] = [str(SERVICES / name) for name in ("archive", "avro_to_json", "collector", "common")]


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        pytest.skip(f"no Docker engine: {error}")
    return client


@pytest.fixture(scope="module")
def kafka() -> Iterator[Broker]:
    with broker() as running:
        yield running


@pytest.fixture
def topics(kafka: Broker) -> Topics:
    return kafka.topics(PARTITIONS)


@pytest.fixture
def converter(kafka: Broker, topics: Topics, tmp_path: Path) -> Iterator[Callable[..., Converter]]:
    running: list[Converter] = []

    def start(**settings: str) -> Converter:
        running.append(Converter(kafka, topics, tmp_path / f"{len(running)}.log", **settings))
        return running[-1]

    yield start
    for one in running:
        # pytest shows it when the test has failed.
        print(f"converter, exit code {one.process.poll()}, its last log lines:", *one.log()[-30:], sep="\n")  # noqa: T201
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGCONT)
            one.kill()


@pytest.fixture
def collectors() -> Iterator[list[Collector]]:
    """Collectors of a test, ended whatever happens."""
    started: list[Collector] = []
    yield started
    for collector in started:
        with contextlib.suppress(ProcessLookupError):
            collector.stop(signal.SIGKILL)
