"""avro-to-json in a container with the memory that the platform gives it, before backlogs that expand."""

from __future__ import annotations

import contextlib
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.container_exec import execute
from tests.support.converter_process import PARTITIONS
from tests.support.flood import fill, minimal_events
from tests.support.images import build
from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from docker.models.containers import Container

    from tests.support.kafka_broker import Broker, Topics

LIMIT_MIB: Final = 512
"""What infra/pipeline/avro_to_json.py gives it."""
BOUND_MIB: Final = 330
"""What docs/avro-to-json.md computes for batches of the collector's, rounded up."""
POISON: Final = b"\x80" + b"poison" * 300


class Task:
    """A converter in its container."""

    def __init__(self, engine: docker.DockerClient, kafka: Broker, topics: Topics) -> None:
        self._port = free_port()
        self.container: Container = engine.containers.run(
            build("avro_to_json"),
            detach=True,
            network_mode="host",
            mem_limit=f"{LIMIT_MIB}m",
            memswap_limit=f"{LIMIT_MIB}m",
            environment={
                **topics.environment(kafka.address),
                "AVRO_TO_JSON_SCHEMA_FILE": "/schema/clickstream.avsc",
                "AVRO_TO_JSON_TRANSACTIONAL_ID": topics.group,
                "AVRO_TO_JSON_HTTP_HOST": "127.0.0.1",
                "AVRO_TO_JSON_HTTP_PORT": str(self._port),
            },
        )

    def metric(self, name: str) -> float:
        """One of its metrics; 0 where it does not answer yet."""
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer,
        ):
            lines = answer.read().decode().splitlines()
            return next(float(line.split()[1]) for line in lines if line.startswith(f"avro_to_json_{name} "))
        return 0.0

    def wait(self, metric: str, value: float, timeout: float = 240) -> None:
        """Return when the metric has that value; fails as soon as the container has died."""

        def found() -> float:
            now = self.metric(metric)
            self.container.reload()
            state: dict[str, Any] = self.container.attrs["State"]
            ended = f"exit code {state['ExitCode']}, out of memory: {state['OOMKilled']}, at {now}"
            assert now >= value or state["Running"], ended
            return now

        until(found, lambda now: now >= value, what=f"{value:g} as {metric}", seconds=timeout, pause=0.2)

    def peak_mib(self) -> float:
        """The converter's largest resident size so far."""
        status = execute(self.container, ["cat", "/proc/1/status"]).output.decode()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


@pytest.fixture
def task(engine: docker.DockerClient, kafka: Broker, topics: Topics) -> Iterator[Task]:
    running = Task(engine, kafka, topics)
    yield running
    running.container.remove(force=True)


@pytest.mark.parametrize(
    ("agent_bytes", "count"), [(2000, 150_000), (60_000, 6_000)], ids=["agents of 2 kB", "agents of 60 kB"]
)
def test_a_backlog_of_the_collectors_batches_that_expands_stays_within_the_bound(
    kafka: Broker, topics: Topics, task: Task, agent_bytes: int, count: int
) -> None:
    fill(kafka.address, topics.avro, minimal_events(1000, agent_bytes), count, PARTITIONS)
    task.wait("records_out_total", count)
    assert task.peak_mib() < BOUND_MIB


def test_a_batch_at_the_brokers_limit_that_expands_more_than_a_hundredfold_is_survived(
    kafka: Broker, topics: Topics, task: Task
) -> None:
    # Not a batch of the collector's: those are 1 MB before compression. This one is 1 MiB after it.
    whole = {"batch.size": 10**9, "message.max.bytes": 10**9, "batch.num.messages": 10**6, "linger.ms": 60_000}
    count = 2300
    written = fill(kafka.address, topics.avro, minimal_events(1000, 60_000), count, 1, **whole)
    stored = kafka.log_bytes(topics.avro, 0)
    assert 900_000 < stored < 1_048_588
    assert written > 100 * stored
    task.wait("records_out_total", count)
    assert task.peak_mib() < LIMIT_MIB


def test_dead_letters_that_expand_are_written_and_replayed_within_the_bound(
    kafka: Broker, topics: Topics, task: Task
) -> None:
    count = 40_000
    fill(kafka.address, topics.avro, [POISON], count, PARTITIONS)
    task.wait("records_dead_total", count)
    # In the converter's own container, as docs/avro-to-json.md says: both have to fit.
    script = (
        "import resource, sys; from avro_to_json import __main__ as main; code = main.main(sys.argv[1:]); "
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024); sys.exit(code)"
    )
    done = execute(task.container, ["python", "-c", script, "replay-dead", "--from-beginning"])
    output = done.output.decode()
    assert done.code == 0, output[-2000:]
    assert f'"records": {count}' in output
    assert int(output.rsplit("peak", 1)[1]) < BOUND_MIB
    task.wait("records_dead_total", 2 * count)
    assert task.peak_mib() < BOUND_MIB
