"""A service under the real engine, on a real swarm: brought up, changed, broken, repaired, taken away."""

import platform
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from infra.paths import ROOT
from tests.support.leaked_resources import leaked_resources, remove_leaked_resources
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until

PROGRAM = Path(__file__).parent / "program"
PROJECT = "clickstream-engine"
HEALTHY = "touch /tmp/ready; exec sleep infinity"
BROKEN = "echo the configuration is missing >&2; exit 3"


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CliStack]:
    name = request.node.name.replace("_", "-").removeprefix("test-")[:20].rstrip("-")
    remove_leaked_resources(f"{PROJECT}-{name}")
    made = CliStack(
        name,
        tmp_path,
        {"script": HEALTHY, "nodes": "one two"},
        program=PROGRAM,
        project=PROJECT,
        # The plugin of dynamic resources runs in the program's folder and imports infra from here.
        env={"PYTHONPATH": str(ROOT)},
    )
    made.init()
    yield made
    made.operate("destroy", "--skip-preview", check=False)
    remove_leaked_resources(f"{PROJECT}-{name}")


def kinds(steps: dict[str, str]) -> dict[str, str]:
    """Type token of the last part of each URN, to operation."""
    return {urn.split("::")[2].split("$")[-1]: operation for urn, operation in steps.items()}


def tasks(stack: CliStack) -> list[str]:
    """State of every running task."""
    with closing(docker.from_env()) as engine:
        service = engine.services.get(f"{PROJECT}-{stack.name}-web")
        return [task["Status"]["State"] for task in service.tasks(filters={"desired-state": "running"})]


def task_ids(stack: CliStack) -> set[str]:
    """Of every task that there is or was."""
    with closing(docker.from_env()) as engine:
        return {str(task["ID"]) for task in engine.services.get(f"{PROJECT}-{stack.name}-web").tasks()}


def test_the_life_of_a_service(stack: CliStack) -> None:
    full_name = f"{PROJECT}-{stack.name}"
    planned = kinds(stack.preview_steps())
    assert planned["docker:index/service:Service"] == "create"
    assert leaked_resources(full_name) == [], "a preview makes nothing"

    stack.operate("up", "--skip-preview")
    assert tasks(stack) == ["running"]
    stack.operate("preview", "--expect-no-changes")

    stack.config["script"] = f"echo changed; {HEALTHY}"
    assert kinds(stack.preview_steps()) == {
        "docker:index/service:Service": "update",
        "pulumi-python:dynamic/swarm:Rollout": "update",
        "pulumi-python:dynamic/swarm:ServiceReady": "update",
    }
    stack.operate("up", "--skip-preview")
    stack.operate("preview", "--expect-no-changes")

    with closing(docker.from_env()) as engine:
        engine.services.get(f"{full_name}-web").scale(0)
    refreshed = stack.operate("refresh", "--skip-preview", "--diff").stdout
    assert "replicas" in refreshed
    stack.operate("up", "--skip-preview")
    assert tasks(stack) == ["running"]

    stack.operate("destroy", "--skip-preview")
    assert leaked_resources(full_name) == []


def test_what_ran_on_a_node_that_was_lost_is_waited_for(stack: CliStack) -> None:
    stack.config["script"] = f"sleep 6; {HEALTHY}"
    stack.operate("up", "--skip-preview")
    with closing(docker.from_env()) as engine:
        (container,) = engine.containers.list(
            filters={"label": f"com.docker.swarm.service.name={PROJECT}-{stack.name}-web"}, ignore_removed=True
        )
        container.kill()
        until(lambda: tasks(stack), lambda states: states != ["running"], seconds=30)

    stack.config["nodes"] = "one three"
    assert kinds(stack.preview_steps()) == {"pulumi-python:dynamic/swarm:ServiceReady": "update"}
    stack.operate("up", "--skip-preview")
    assert tasks(stack) == ["running"]
    stack.operate("preview", "--expect-no-changes")


def test_a_service_that_does_not_start_shows_its_last_lines_and_is_repaired(stack: CliStack) -> None:
    stack.config["script"] = BROKEN
    failed = stack.operate("up", "--skip-preview", check=False)
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert "the configuration is missing" in said, "the task's own words"
    assert "exit code 3" in said
    with closing(docker.from_env()) as engine:
        assert engine.services.get(f"{PROJECT}-{stack.name}-web"), "it stays there to be looked at"

    stack.config["script"] = HEALTHY
    stack.operate("up", "--skip-preview")
    # If the broken task ends during the update, the swarm starts its successor as well as the update's own task, both
    # from the new specification, and sometimes keeps the two.
    until(lambda: set(tasks(stack)), {"running"}.__eq__, seconds=60)
    stack.operate("preview", "--expect-no-changes")


def test_a_broken_update_is_rolled_back_and_reported_as_a_failure(stack: CliStack) -> None:
    stack.operate("up", "--skip-preview")
    stack.config["script"] = BROKEN
    failed = stack.operate("up", "--skip-preview", check=False)
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0, "a rollback is no success, although healthy tasks run"
    assert "rolled back" in said
    assert "the configuration is missing" in said
    assert tasks(stack) == ["running"], "what ran before still runs"

    stack.config["script"] = f"echo mended; {HEALTHY}"
    stack.operate("up", "--skip-preview")
    stack.operate("preview", "--expect-no-changes")


def test_going_back_after_a_broken_update_is_waited_for(stack: CliStack) -> None:
    stack.operate("up", "--skip-preview")
    stack.config["script"] = BROKEN
    assert stack.operate("up", "--skip-preview", check=False).returncode != 0

    stack.config["script"] = HEALTHY
    assert kinds(stack.preview_steps())["pulumi-python:dynamic/swarm:ServiceReady"] == "update"
    stack.operate("up", "--skip-preview")
    assert tasks(stack) == ["running"]
    stack.operate("preview", "--expect-no-changes")


def test_a_change_by_hand_is_reverted_and_waited_for(stack: CliStack) -> None:
    stack.operate("up", "--skip-preview")
    with closing(docker.from_env()) as engine:
        engine.services.get(f"{PROJECT}-{stack.name}-web").update(env=["BY=hand"], fetch_current_spec=True)
    stack.operate("refresh", "--skip-preview")
    assert kinds(stack.preview_steps()) == {
        "docker:index/service:Service": "update",
        "pulumi-python:dynamic/swarm:ServiceReady": "update",
    }
    stack.operate("up", "--skip-preview")
    assert tasks(stack) == ["running"]
    stack.operate("preview", "--expect-no-changes")


def test_a_stack_in_the_former_notation_converges_and_is_then_left_alone(stack: CliStack) -> None:
    stack.config["former"] = True
    stack.operate("up", "--skip-preview")
    for _ in range(2):
        assert kinds(stack.preview_steps())["docker:index/service:Service"] == "update", "in every preview"
        stack.operate("up", "--skip-preview")

    stack.config["former"] = False
    stack.operate("up", "--skip-preview")
    stack.operate("preview", "--expect-no-changes")
    until(lambda: tasks(stack), lambda states: states == ["running"], seconds=60)
    before = task_ids(stack)
    stack.operate("up", "--skip-preview")
    assert task_ids(stack) == before, "no task was restarted"


def test_platforms_that_come_with_an_image_from_a_registry_are_left_alone(stack: CliStack) -> None:
    stack.operate("up", "--skip-preview")
    with closing(docker.from_env()) as engine:
        # The provider writes them when it creates a service whose image a registry has.
        service = engine.services.get(f"{PROJECT}-{stack.name}-web")
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        service.update(platforms=[(architecture, "linux")], fetch_current_spec=True)
        service.reload()
        assert service.attrs["Spec"]["TaskTemplate"]["Placement"]["Platforms"]
    stack.operate("refresh", "--skip-preview")
    assert "docker:index/service:Service" not in kinds(stack.preview_steps())


def test_a_password_reaches_the_task_and_nothing_else(stack: CliStack) -> None:
    stack.config["script"] = f"test -s /run/secrets/password && {HEALTHY}"
    up = stack.operate("up", "--skip-preview")
    password = stack.outputs()["password"]
    assert len(password) >= 32
    assert password not in up.stdout + up.stderr
    assert password not in stack.exported()
    with closing(docker.from_env()) as engine:
        assert password not in str(engine.services.get(f"{PROJECT}-{stack.name}-web").attrs)
