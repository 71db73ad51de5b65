"""The Kafka image's entry point, with a `java` that only notes how it is called."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.paths import SERVICES

LAUNCH = SERVICES / "kafka" / "launch"
NEEDED = {"CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw", "KAFKA_PROCESS_ROLES": "broker,controller"}


@dataclass
class Run:
    """What a start did: its exit code, its error output, each call of java, and log.dirs as java got it."""

    code: int
    error: str
    calls: list[list[str]]
    log_dirs: str


@pytest.fixture
def launch(tmp_path: Path) -> "Launch":
    return Launch(tmp_path)


class Launch:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, env: dict[str, str], *, setup: str = "exit 0") -> Run:
        """Starts with an environment; `setup` is what java does when it is called for the set-up."""
        calls, log_dirs = self.directory / "calls", self.directory / "log_dirs"
        java = self.directory / "java"
        java.write_text(
            f'#!/bin/bash\nprintf "%s\\t" "$@" >>{calls}\necho >>{calls}\n'
            f'echo "${{KAFKA_LOG_DIRS:-}}" >{log_dirs}\n'
            f'case "$*" in *KafkaDockerWrapper*) {setup};; esac\n'
        )
        java.chmod(0o755)
        done = subprocess.run(
            ["bash", LAUNCH],
            env={"PATH": f"{self.directory}:{os.environ['PATH']}", **env},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = calls.read_text().splitlines() if calls.exists() else []
        return Run(
            done.returncode,
            done.stderr,
            [line.rstrip("\t").split("\t") for line in lines],
            log_dirs.read_text().strip() if log_dirs.exists() else "",
        )


def test_sets_up_and_then_runs_the_broker_with_the_heap_given(launch: Launch) -> None:
    run = launch({**NEEDED, "KAFKA_HEAP_OPTS": "-Xms1g -Xmx2g"})
    assert run.code == 0, run.error
    setup, broker = run.calls
    assert "kafka.docker.KafkaDockerWrapper" in setup
    assert {"-Xms1g", "-Xmx2g"} <= set(broker)
    assert broker[-2:] == ["kafka.Kafka", "/opt/kafka/config/server.properties"]


def test_options_given_replace_the_images_own(launch: Launch) -> None:
    _, broker = launch({**NEEDED, "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseG1GC", "KAFKA_OPTS": "-Da=b"}).calls
    assert "-XX:+UseG1GC" in broker
    assert "-Da=b" in broker
    assert "-XX:+UseSerialGC" not in broker, "a JVM with two collectors does not start"


@pytest.mark.parametrize("missing", sorted(NEEDED))
def test_a_missing_setting_is_named_before_any_jvm_starts(launch: Launch, missing: str) -> None:
    run = launch({name: value for name, value in NEEDED.items() if name != missing})
    assert run.code != 0
    assert f"{missing} is not set" in run.error
    assert run.calls == []


def test_data_is_never_left_to_kafkas_default_directory(launch: Launch) -> None:
    assert launch(NEEDED).log_dirs == "/var/lib/kafka/data"
    assert launch({**NEEDED, "KAFKA_LOG_DIRS": "/elsewhere"}).log_dirs == "/elsewhere"


def test_storage_formatted_before_is_no_failure(launch: Launch) -> None:
    run = launch(NEEDED, setup="echo 'Log directory /d is already formatted.' >&2; exit 1")
    assert run.code == 0, run.error
    assert run.calls[-1][-2] == "kafka.Kafka"


def test_refused_settings_stop_the_start_and_are_shown(launch: Launch) -> None:
    run = launch(NEEDED, setup="echo 'Missing required configuration node.id'; exit 1")
    assert run.code == 1
    assert "Missing required configuration node.id" in run.error
    assert len(run.calls) == 1, "the broker is not started"
