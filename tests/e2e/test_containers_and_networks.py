"""The promises of docs/security.md about networks and containers, in the running platform.

The last file of this folder takes the platform away, so this one must not come after it.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from infra.config import StackConfig
from tests.e2e.conftest import CONFIG, NAME, PROJECT_NAME
from tests.e2e.journey import Access
from tests.security.report import Report, inspect
from tests.security.running import containers
from tests.support.pulumi_cli import CliStack
from tests.support.stack_config import raw_config


@pytest.fixture(scope="module")
def report(stack: CliStack, pictures: Path) -> Report:
    """Of every container."""
    del stack
    with closing(docker.from_env()) as engine:
        found = inspect(engine, StackConfig.parse(NAME, raw_config(None, **dict[str, Any](CONFIG))))
    (pictures / "security.txt").write_text(found.text() + "\n")
    return found


def test_every_container_reaches_what_its_spec_says_and_is_confined(report: Report) -> None:
    assert report.problems == [], report.text()


def test_a_compromised_website_reaches_the_edge_alone(report: Report) -> None:
    """Said again without the specs, since a mistake in them would be in the table as well."""
    (website,) = (reach for reach in report.reaches if reach.service == "website")
    assert set(website.answers) == {"edge"}
    assert not website.way_out
    reached_by = {other for reach in report.reaches for other in reach.answers if other == "postgres"}
    assert reached_by == {"postgres"}
    assert [reach.service for reach in report.reaches if "postgres" in reach.answers] == ["superset"]


def test_from_outside_only_the_website_answers_without_a_login(access: Access) -> None:
    assert httpx.get(access.website).status_code == httpx.codes.OK
    for console in (access.druid, access.kafka_manager):
        assert httpx.get(console).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.get(f"{access.superset}/api/v1/dashboard/export/?q=!(1)").status_code == httpx.codes.UNAUTHORIZED


def test_containers_of_the_stack_are_in_its_own_networks_alone(stack: CliStack) -> None:
    del stack
    with closing(docker.from_env()) as engine:
        for name, container in containers(engine, PROJECT_NAME).items():
            for network in container.attrs["NetworkSettings"]["Networks"]:
                assert network.startswith(PROJECT_NAME) or (name, network) == ("edge", "docker_gwbridge")
