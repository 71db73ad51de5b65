"""What people meet when something is wrong: said at preview, before anything is changed."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked_resources import leaked_resources
from tests.support.pulumi_cli import CliStack
from tests.support.stack_config import committed_config

PORTS = {"websitePort": 18100, "supersetPort": 18101, "druidPort": 18102, "kafkaManagerPort": 18103}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> CliStack:
    made = CliStack("mistakes", tmp_path_factory.mktemp("mistakes"), dict(PORTS))
    made.init()
    return made


@pytest.fixture
def configured(stack: CliStack) -> Iterator[CliStack]:
    """The stack, with its configuration as it was afterwards."""
    before = dict(stack.config)
    yield stack
    stack.config = before


def preview_fails(stack: CliStack, **changes: Any) -> str:
    stack.config |= changes
    result = stack.operate("preview", check=False)
    assert result.returncode != 0, "the preview went through"
    said = result.stdout + result.stderr
    assert "Traceback" not in said, "a mistake is explained, not traced"
    assert not leaked_resources(f"clickstream-{stack.name}"), "a preview changes nothing"
    return said


def test_every_mistake_in_the_configuration_is_named_at_once(configured: CliStack) -> None:
    said = preview_fails(configured, websitePort=70000, druidTaskDuration="an hour", clarityId="NO!")
    for key, value in (("websitePort", "70000"), ("druidTaskDuration", "an hour"), ("clarityId", "NO!")):
        assert f"clickstream:{key}" in said
        assert value in said


def test_a_secret_in_plain_text_is_refused_and_not_repeated(configured: CliStack) -> None:
    said = preview_fails(configured, registryPassword="readable-by-all", websitePort=70000)
    assert "clickstream:registryPassword: given in plain text; set it with `pulumi config set --secret" in said
    assert "readable-by-all" not in said
    assert "clickstream:websitePort" in said, "with every other mistake"


def test_a_value_of_the_wrong_type_names_its_key(configured: CliStack) -> None:
    assert "websitePort" in preview_fails(configured, websitePort="eighty")


def test_a_port_in_use_names_its_key_and_what_to_do(configured: CliStack) -> None:
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = preview_fails(configured, websitePort=port)
    assert f"clickstream:websitePort: {port} is in use" in said
    assert "pulumi config set websitePort" in said


def test_an_engine_that_is_not_running_is_said_so(configured: CliStack, tmp_path: Path) -> None:
    said = preview_fails(configured, dockerHost=f"unix://{tmp_path}/docker.sock")
    assert "no Docker engine answers" in said
    assert "clickstream:dockerHost" in said


def test_prod_previews_without_a_cloud(tmp_path: Path) -> None:
    prod = CliStack("prod", tmp_path, committed_config("prod"))
    prod.init()
    steps = prod.preview_steps()
    kinds = {urn.split("::")[2].split("$")[-1] for urn in steps}
    assert "digitalocean:index/droplet:Droplet" in kinds
    assert "docker:index/service:Service" in kinds
    assert set(steps.values()) == {"create"}
