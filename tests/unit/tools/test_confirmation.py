"""`make down` asks before it deletes data. Pulumi and Docker are programs on PATH that answer as those do."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT
from toolchain.paths import SetupError
from tools import confirmation, stack

VOLUME = "docker:index/volume:Volume"


@dataclass
class Machine:
    """What the two programs answer."""

    folder: Path
    env: dict[str, str]

    def state(self, *volumes: tuple[str, str]) -> None:
        """Type and name of the stack's volumes, among other resources."""
        resources: list[dict[str, Any]] = [{"type": "pulumi:pulumi:Stack", "urn": "x"}]
        resources += [{"type": kind, "urn": f"x::{name}", "outputs": {"name": name}} for kind, name in volumes]
        self._answer("pulumi", json.dumps({"version": 3, "deployment": {"resources": resources}}))

    def engine(self, **sizes: str) -> None:
        """Volume to size."""
        self._answer("docker", json.dumps([{"Name": name, "Size": size} for name, size in sizes.items()]))

    def fail(self, program: str) -> None:
        """Leave it unable to answer."""
        self._script(program, "echo no >&2; exit 1")

    def _answer(self, program: str, text: str) -> None:
        (self.folder / f"{program}.json").write_text(text)
        self._script(program, f'cat "{self.folder}/{program}.json"')

    def _script(self, program: str, body: str) -> None:
        file = self.folder / program
        file.write_text(f'#!/bin/sh\necho "{program} $*" >> "{self.folder}/calls"\n{body}\n')
        file.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A stack with data on one volume."""
    made = Machine(tmp_path, {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    made.state((VOLUME, "clickstream-dev-druid"), (VOLUME, "clickstream-dev-kafka"))
    made.engine(**{"clickstream-dev-druid": "1.2GB", "clickstream-dev-kafka": "0B"})
    return made


def at_terminal(machine: Machine, typed: str) -> tuple[int, str]:
    """Exit code and output of the question at a terminal where somebody types."""
    program = "import os; from tools.confirmation import confirm_destroy\nconfirm_destroy('dev', os.environ, yes=False)"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=machine.env,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(ours, typed.encode())
    output, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    return process.returncode, output


def test_the_name_of_the_stack_goes_on_and_the_question_names_the_data(machine: Machine) -> None:
    code, said = at_terminal(machine, "dev\n")
    assert code == 0, said
    assert "deletes the data of stack dev on clickstream-dev-druid (1.2GB)." in said
    assert "clickstream-dev-kafka" not in said, "nothing is on it"
    assert "KEEP_DATA=1" in said


@pytest.mark.parametrize("typed", ["y\n", "yes\n", "\n", "prod\n", "\x04"])
def test_anything_else_changes_nothing(machine: Machine, typed: str) -> None:
    code, said = at_terminal(machine, typed)
    assert code != 0
    assert "nothing was changed" in said


def test_without_a_terminal_it_says_what_to_do(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(SetupError, match=r"no terminal .* `make down STACK=dev YES=1` .* KEEP_DATA=1"):
        confirmation.confirm_destroy("dev", machine.env, yes=False)
    confirmation.confirm_destroy("dev", machine.env, yes=True)


def test_a_stack_without_data_goes_without_a_question(machine: Machine) -> None:
    machine.engine(**{"clickstream-dev-druid": "0B", "clickstream-dev-kafka": "0B"})
    assert confirmation.volumes_with_data("dev", machine.env) == []
    machine.state()
    assert confirmation.volumes_with_data("dev", machine.env) == []


def test_what_is_not_known_to_be_empty_counts_as_data(machine: Machine) -> None:
    machine.state((VOLUME, "clickstream-dev-druid"), ("digitalocean:index/volume:Volume", "clickstream-prod-kafka"))
    machine.fail("docker")
    found = [str(volume) for volume in confirmation.volumes_with_data("dev", machine.env)]
    assert found == ["clickstream-dev-druid", "clickstream-prod-kafka"]
    machine.fail("pulumi")
    with pytest.raises(SetupError, match="cannot tell whether the stack has data"):
        confirmation.volumes_with_data("dev", machine.env)


@pytest.mark.parametrize(("arguments", "destroyed"), [([], False), (["--yes"], True), (["--keep-data"], True)])
def test_the_command_asks_before_it_destroys(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    *,
    destroyed: bool,
) -> None:
    monkeypatch.setattr(stack, "bootstrap", lambda **_options: 0)
    monkeypatch.setattr(stack, "ensure_stack", lambda *_arguments: None)
    monkeypatch.setattr("toolchain.environment.full", lambda: machine.env)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    monkeypatch.setattr("sys.argv", ["stack.py", "destroy", "--stack", "dev", *arguments])
    code = stack.main()
    calls = (machine.folder / "calls").read_text()
    assert ("pulumi destroy" in calls) is destroyed
    assert (code == 0) is destroyed
    assert ("YES=1" in capsys.readouterr().err) is not destroyed
