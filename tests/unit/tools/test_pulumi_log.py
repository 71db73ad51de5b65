"""Pulumi's log as `make up` prints it where there is no terminal."""

import itertools
import os
from pathlib import Path

import pytest

from toolchain import steps
from tools import stack
from tools.pulumi_log import QUIET_SECONDS, SAME_SECONDS, readable

IMAGE = " +  docker-build:index:Image kafka"
PROGRESS = "".join(f"\r(Reading database ... {percent}%" for percent in range(0, 101, 5))


def shown(*lines: str, every: float = 1.0) -> list[str]:
    """What is printed of lines of busy resources that come at this interval, in seconds."""
    clock = itertools.count(step=every)
    return list(readable((f"{line}\n" for line in lines), lambda: next(clock)))


def test_what_is_done_is_printed_as_it_is() -> None:
    lines = [
        "Updating (organization/clickstream/dev):",
        "",
        " +  docker:index:Network network created (0.5s)",
        " ~  docker:index:Service druid updated (12s) [diff: ~taskSpec]",
        " +- docker:index:Service edge creating replacement failed (2s)",
        " +  clickstream:swarm:Service kafka created error: 1 of its tasks failed",
        "    + 84 created",
        "error: service kafka keeps failing",
        "    its last lines: creating (1s) of nothing",
    ]
    assert shown(*lines) == lines


def test_components_and_starts_of_what_is_quick_are_left_out() -> None:
    lines = [
        " +  clickstream:platform:Kafka kafka creating (0s) ",
        " +  docker:index:Volume kafka creating (0s) ",
        " +  docker:index:Volume kafka created (0.38s) ",
        " +  pulumi-python:dynamic/swarm:ServiceReady kafka creating (0s) ",
        " +  pulumi-python:dynamic/swarm:ServiceReady kafka created (53s) ",
        " +  clickstream:platform:Kafka kafka created (54s) ",
    ]
    assert shown(*lines) == [line.rstrip() for line in lines[2:5]]


def test_a_resource_that_is_busy_is_mentioned_now_and_then() -> None:
    lines = [f" +  digitalocean:index:Droplet one creating ({second}s) attempt {second}" for second in range(120)]
    printed = shown(*lines)
    assert printed[0] == lines[0]
    assert len(printed) == 120 / QUIET_SECONDS
    same = [line.partition(" attempt")[0] for line in lines]
    assert len(shown(*same[1:])) == 120 / SAME_SECONDS, "less often where there is nothing new"
    other = " ~  digitalocean:index:Droplet two updating (1s)"
    assert other in shown(*lines[:2], other), "each resource has its own pace"


def test_a_build_is_shown_by_its_steps_and_not_by_what_its_programs_print() -> None:
    printed = shown(
        f"{IMAGE} creating (0s) ",
        f"{IMAGE} creating (9s) #7 [jars 2/4] RUN --mount=type=cache,target=/var --mount=type=bind   apt-get",
        f"{IMAGE} creating (21s) #7 3.512 {PROGRESS}",
        f"{IMAGE} creating (22s) #7 sha256:8e5f",
        f"{IMAGE} creating (50s) #7 DONE 49.1s",
        f"{IMAGE} creating (51s) #8 [jars 3/4] COPY kafka/pom.xml /src/",
        f"{IMAGE} created (51s) #9 writing image sha256:e63f",
        f"{IMAGE} created (51s) ",
        every=10,
    )
    assert printed == [
        f"{IMAGE} creating (0s)",
        f"{IMAGE} creating (21s) [jars 2/4] RUN apt-get",
        f"{IMAGE} creating (51s) [jars 3/4] COPY kafka/pom.xml /src/",
        f"{IMAGE} created (51s)",
    ]


def test_long_lines_of_a_busy_resource_are_cut_and_colours_and_spinners_left_out() -> None:
    (printed,) = shown(f"{IMAGE} creating (1s) \x1b[1m{'long ' * 100}\x1b[0m", "@ updating.....")
    assert len(printed) <= 150
    assert "\x1b" not in printed


def test_progress_that_a_program_draws_is_no_line_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Through a process, since it was reading its output as text that made a line of every percent."""
    log = tmp_path / "log"
    log.write_bytes(f"{IMAGE} creating (1s) #7 3.5 {PROGRESS}\n{PROGRESS}\n done\n".encode())
    program = tmp_path / "pulumi"
    program.write_text(f'#!/bin/sh\ncat "{log}"\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    assert stack.run_pulumi(["up"], {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}) == 3
    assert capfd.readouterr().out.splitlines() == [f"{IMAGE} creating (1s)", "(Reading database ... 100%", " done"]


def test_set_up_mentions_what_a_program_prints_and_not_its_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    step = steps.Step("venv", "packages", lambda: False, lambda _step: None, note="installing")
    log = tmp_path / "venv.log"
    log.write_text("$ uv pip install --quiet\n")
    assert steps.last_line(step) == ""
    log.write_text("$ uv pip install\nResolved 3 packages\rInstalled 3 packages\n")
    assert steps.last_line(step) == "Installed 3 packages"
