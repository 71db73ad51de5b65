"""The plugins that this machine uses, under the real CLI and on the real engine.

Where the toolchain uses provider shims these are tests of the shims; with the real plugins the same
tests show that both behave alike.
"""

import json
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.services import Service

from infra.paths import ROOT
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until
from toolchain.engine import BASE_IMAGE

PREFIX = "shims-test"
LABEL = "clickstream.test=shims"

PROGRAM = """
    import base64
    import pulumi
    import pulumi_command as command
    import pulumi_docker as docker
    import pulumi_random as random

    config = pulumi.Config()
    labels = [{"label": "clickstream.test", "value": "shims"}]
    password = random.RandomPassword("password", length=config.get_int("length") or 20, special=False)
    network = docker.Network("shims-test-network", driver="overlay", internal=True, labels=labels)
    volume = docker.Volume("shims-test-volume", labels=labels)
    secret = docker.Secret(
        "shims-test-secret",
        data=password.result.apply(lambda text: base64.b64encode(text.encode()).decode()),
        labels=labels,
    )
    service = docker.Service(
        "shims-test-service",
        name="shims-test-service",
        labels=labels,
        mode={"replicated": {"replicas": config.get_int("replicas") or 1}},
        endpoint_spec={"mode": "dnsrr"},
        task_spec={
            "container_spec": {
                "image": "BASE_IMAGE",
                "commands": ["sh", "-c", config.get("script") or "exec sleep 1000"],
                "env": {"GREETING": config.get("greeting") or "hello", "PASSWORD": password.result},
                "init": True,
                "stop_grace_period": config.get("grace") or "10s",
                "cap_drops": ["ALL"],
                "read_only": True,
                "mounts": [
                    {"type": "volume", "source": volume.name, "target": "/data"},
                    {"type": "volume", "target": "/cache"},
                    {"type": "tmpfs", "target": "/tmp", "tmpfs_options": {"size_bytes": 1048576}},
                ],
                "secrets": [
                    {
                        "secret_id": secret.id,
                        "secret_name": secret.name,
                        "file_name": "/run/secrets/password",
                        "file_uid": "0",
                        "file_gid": "0",
                        "file_mode": 0o400,
                    }
                ],
            },
            "networks_advanceds": [{"id": network.id, "aliases": ["web"]}],
            "restart_policy": {"condition": "any", "delay": "1s", "window": "0s"},
        },
    )
    said = command.local.Command(
        "command",
        create='echo "$SECRET"',
        environment={"SECRET": password.result},
        opts=pulumi.ResourceOptions(additional_secret_outputs=["stdout"]),
    )
    pulumi.export("password", password.result)
    pulumi.export("bcrypt", password.bcrypt_hash)
    pulumi.export("said", said.stdout)
    pulumi.export("service", service.id)
""".replace("BASE_IMAGE", BASE_IMAGE)


def engine_objects(engine: docker.DockerClient) -> list[Any]:
    """Everything of this test's on the engine, in an order in which it can be removed."""
    filters = {"label": LABEL}
    return [
        *engine.services.list(filters=filters),
        *engine.secrets.list(filters=filters),
        *engine.networks.list(filters=filters),
        *engine.volumes.list(filters=filters),
    ]


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The engine, without what a run that was cut off has left."""
    with closing(docker.from_env()) as client:
        clean(client)
        yield client
        clean(client)


def clean(client: docker.DockerClient) -> None:
    """Removes this test's objects; a volume may be held for a moment by a task that is ending."""
    for container in client.containers.list(all=True, filters={"name": PREFIX}, ignore_removed=True):
        container.remove(force=True)
    for thing in engine_objects(client):
        thing.remove()


@pytest.fixture(scope="module")
def stack(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    """The stack, up."""
    del engine
    folder = tmp_path_factory.mktemp("shims")
    write_program(folder, PROGRAM)
    stack = CliStack("shims", home=folder / "home", program=folder, project="shims")
    stack.init()
    stack.operate("up", "--skip-preview")
    yield stack
    stack.operate("destroy", "--skip-preview", check=False)


def write_program(folder: Path, program: str) -> None:
    """A project of its own, run with this repository's interpreter."""
    options = f"{{toolchain: pip, virtualenv: {ROOT / '.venv'}}}"
    (folder / "Pulumi.yaml").write_text(f"name: shims\nruntime: {{name: python, options: {options}}}\n")
    (folder / "__main__.py").write_text(textwrap.dedent(program))


@contextmanager
def program(stack: CliStack, text: str) -> Iterator[None]:
    """Another program for a while."""
    write_program(stack.program, text)
    try:
        yield
    finally:
        write_program(stack.program, PROGRAM)


def states(service: Service) -> list[str]:
    """Of its tasks, the newest specification's only."""
    tasks = service.tasks({"desired-state": "running"})
    command = service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Command"]
    return [task["Status"]["State"] for task in tasks if task["Spec"]["ContainerSpec"]["Command"] == command]


def changed(stack: CliStack, **config: Any) -> dict[str, str]:
    """Resource name to operation of a preview with this configuration."""
    stack.config = config
    return {urn.rsplit("::", 1)[-1]: step for urn, step in stack.preview_steps().items()}


def test_what_was_created_is_really_there(stack: CliStack, engine: docker.DockerClient) -> None:
    outputs = stack.outputs()
    service = engine.services.get(outputs["service"])
    specification = service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert f"PASSWORD={outputs['password']}" in specification["Env"]
    assert len(outputs["password"]) == 20
    assert outputs["said"] == outputs["password"]
    assert outputs["bcrypt"].startswith("$2")
    until(lambda: states(service), lambda found: found == ["running"], what="a running task", seconds=60)
    assert len(engine_objects(engine)) == 4


def test_a_second_up_changes_nothing(stack: CliStack) -> None:
    stack.operate("preview", "--expect-no-changes")


@pytest.mark.parametrize(
    ("given", "former"),
    [
        ('"stop_grace_period": config.get("grace") or "10s"', '"stop_grace_period": "60s"'),
        (', "window": "0s"', ""),
        ('"init": True,', '"init": True, "sysctl": {},'),
    ],
    ids=["60s comes back as 1m", "a window comes back as 0s", "an empty map does not come back"],
)
def test_what_is_read_back_otherwise_than_written_changes_in_every_preview(
    stack: CliStack, given: str, former: str
) -> None:
    assert given in PROGRAM
    with program(stack, PROGRAM.replace(given, former)):
        assert changed(stack) == {"shims-test-service": "update"}


def test_no_secret_is_in_the_state_in_plain(stack: CliStack) -> None:
    exported, outputs = stack.exported(), stack.outputs()
    assert outputs["password"] not in exported
    assert outputs["bcrypt"] not in exported


def test_a_refresh_of_an_untouched_stack_changes_nothing(stack: CliStack) -> None:
    stack.operate("refresh", "--skip-preview", "--expect-no-changes")
    stack.operate("preview", "--expect-no-changes")


def test_previews_tell_an_update_from_a_replacement(stack: CliStack) -> None:
    assert changed(stack, replicas=2) == {"shims-test-service": "update"}
    assert changed(stack, greeting="bye") == {"shims-test-service": "update"}
    by_length = changed(stack, length=21)
    assert (by_length.pop("shims-test-service"), by_length.pop("command")) == ("update", "update")
    assert set(by_length) == {"password", "shims-test-secret"}
    assert all("replace" in step for step in by_length.values())


def test_a_secret_is_replaced_beside_the_service_that_uses_it(stack: CliStack, engine: docker.DockerClient) -> None:
    before = stack.outputs()["service"]
    stack.config = {"length": 21, "greeting": "bye"}
    stack.operate("up", "--skip-preview")
    assert stack.outputs()["service"] == before
    service = engine.services.get(before)
    mounted = service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Secrets"][0]["SecretID"]
    assert [secret.id for secret in engine.secrets.list(filters={"label": LABEL})] == [mounted]


def test_a_change_by_hand_is_found_by_refresh_and_healed_by_up(stack: CliStack, engine: docker.DockerClient) -> None:
    service = engine.services.get(stack.outputs()["service"])
    service.update(env=["GREETING=by hand"], fetch_current_spec=True)
    shown = stack.operate("refresh", "--skip-preview", "--diff").stdout
    assert 'GREETING: "bye" => "by hand"' in shown
    assert changed(stack, **stack.config) == {"shims-test-service": "update"}
    stack.operate("up", "--skip-preview")
    service.reload()
    assert "GREETING=bye" in service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"]


def test_a_service_removed_by_hand_comes_back(stack: CliStack, engine: docker.DockerClient) -> None:
    engine.services.get(stack.outputs()["service"]).remove()
    stack.operate("refresh", "--skip-preview")
    assert changed(stack, **stack.config) == {"shims-test-service": "create"}
    stack.operate("up", "--skip-preview")
    assert engine.services.list(filters={"label": LABEL})


@pytest.mark.parametrize(
    ("given", "wrong", "path"),
    [
        ('"init": True', '"init": "yes"', "taskSpec.containerSpec.init"),
        ('"init": True', '"innit": True', "taskSpec.containerSpec.innit"),
        ('"delay": "1s"', '"delay": "soon"', "taskSpec.restartPolicy.delay"),
    ],
)
def test_a_wrong_property_stops_the_preview_with_its_path(stack: CliStack, given: str, wrong: str, path: str) -> None:
    assert given in PROGRAM
    with program(stack, PROGRAM.replace(given, wrong)):
        result = stack.operate("preview", check=False)
    assert result.returncode != 0
    assert path in result.stdout + result.stderr


def test_a_service_whose_task_takes_all_of_its_time_to_stop_fails_its_deletion(
    stack: CliStack, engine: docker.DockerClient
) -> None:
    """As with the real plugin, which waits no longer; the service is gone all the same."""
    stack.config = {"script": "trap '' TERM; while :; do sleep 1; done", "grace": "2s"}
    stack.operate("up", "--skip-preview")
    service = engine.services.get(stack.outputs()["service"])
    until(lambda: states(service), lambda found: found == ["running"], what="a task that ignores SIGTERM", seconds=60)
    result = stack.operate("destroy", "--skip-preview", check=False)
    assert result.returncode != 0
    assert "container" in result.stdout + result.stderr
    assert not engine.services.list(filters={"label": LABEL})


def test_destroy_leaves_nothing(stack: CliStack, engine: docker.DockerClient) -> None:
    stack.operate("destroy", "--skip-preview")
    assert engine_objects(engine) == []
    assert json.loads(stack.exported())["deployment"].get("resources", []) == []
