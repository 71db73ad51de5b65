"""The workflows: what unreviewed code may reach, and that a run can deploy."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text()) for file in (ROOT / ".github/workflows").glob("*.yml")}
JOBS = {f"{name}/{key}": job for name, workflow in WORKFLOWS.items() for key, job in workflow["jobs"].items()}


def uses_secrets(job: dict[str, Any]) -> bool:
    return "secrets." in yaml.safe_dump(job)


@pytest.mark.parametrize("job", [name for name, job in JOBS.items() if uses_secrets(job)])
def test_secrets_are_those_of_a_protected_environment(job: str) -> None:
    assert JOBS[job]["environment"], "without one, a pull request's code gets the repository's secrets"


def test_code_that_nobody_has_reviewed_never_gets_the_secrets_of_prod() -> None:
    environments = {JOBS[f"preview/{key}"].get("environment") for key in WORKFLOWS["preview"]["jobs"]}
    assert environments == {None, "prod-preview"}
    assert "pull_request_target" not in str(WORKFLOWS)


@pytest.mark.parametrize("job", ["up/up", "drift/drift"])
def test_ssh_is_open_to_the_runner_only_while_it_is_needed(job: str) -> None:
    steps = [str(step.get("run", step.get("with", {}).get("command", ""))) for step in JOBS[job]["steps"]]
    opened = next(number for number, step in enumerate(steps) if "runner_access open" in step)
    closed = next(number for number, step in enumerate(steps) if "runner_access close" in step)
    assert [step.startswith(("up", "pulumi refresh")) for step in steps[opened + 1 : closed]] == [True]
    assert JOBS[job]["steps"][closed]["if"] == "always()"


def test_operations_on_prod_wait_for_each_other() -> None:
    assert {WORKFLOWS[name]["concurrency"]["group"] for name in ("up", "drift")} == {"prod"}


@pytest.mark.parametrize(("open_issue", "said"), [("", "issue create --title Drift in prod"), ("7", "issue comment 7")])
def test_drift_is_reported_once(tmp_path: Path, open_issue: str, said: str) -> None:
    """With a `gh` that writes down how it is called, and answers a search with the number of the open issue."""
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> calls\n[ "$2" != list ] || echo "{open_issue}"\n')
    gh.chmod(0o755)
    (tmp_path / "drift.txt").write_text("~ firewall\n" * 10_000)
    path = f"{tmp_path}:{os.environ['PATH']}"
    command = [str(ROOT / ".github/report-drift"), "drift.txt", "https://ci.example/runs/1"]
    subprocess.run(command, cwd=tmp_path, env={"PATH": path}, check=True)
    assert said in (tmp_path / "calls").read_text().splitlines()[-1]
    body = (tmp_path / "drift-issue.md").read_text()
    assert "https://ci.example/runs/1" in body
    assert len(body) < 65_536, "GitHub's limit"
