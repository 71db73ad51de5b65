"""Stack prod with preset `ha`: three managers, three brokers, and what goes on while hosts die.

The tests run in the order in which they stand here, on one stack: bringing it up is what takes the time.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.cloud.conftest import REGISTRY, prod
from tests.cloud.platform import Cloud, Platform, timed
from tests.cloud.visitors import Visitors
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until

HOSTS = ("manager-1", "manager-2", "manager-3", "worker-1", "worker-2", "worker-3")
ALL_READY = dict.fromkeys(HOSTS, "Ready Active")
TOPICS = {"tracking-avro", "tracking-json"}


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    """Three managers, three workers."""
    with prod(cloud, "ha", {"preset": "ha"}, tmp_path_factory) as made:
        yield made


def managers(platform: Platform, by: str) -> dict[str, str]:
    """Manager to its part, as another one sees it."""
    said = platform.host(by).run("docker node ls --format '{{.Hostname}} {{.ManagerStatus}}'").splitlines()
    return {name: part for name, _, part in (line.partition(" ") for line in said) if part}


def in_sync(platform: Platform) -> dict[str, list[int]]:
    """Topic to the number of brokers in sync with each of its partitions, as the Kafka manager says."""
    access = platform.access()
    with httpx.Client(verify=False, auth=(access.user, access.password), timeout=30) as manager:  # noqa: S501

        def data(path: str) -> list[Any]:
            found: list[Any] = (
                manager.get(f"{access.kafka_manager}/v3/clusters{path}").raise_for_status().json()["data"]
            )
            return found

        (cluster,) = (item["cluster_id"] for item in data(""))
        return {
            topic: [len(part["in_sync_replicas"]) for part in data(f"/{cluster}/topics/{topic}/partitions")]
            for topic in TOPICS
        }


def test_up_makes_a_swarm_of_three_managers_and_three_brokers(stack: CliStack, platform: Platform) -> None:
    with timed("up of preset ha from nothing"):
        stack.operate("up", "--skip-preview")
    assert platform.nodes() == ALL_READY
    assert sorted(managers(platform, "manager-2").values()) == ["Leader", "Reachable", "Reachable"]
    for number in (1, 2, 3):
        assert f"kafka-{number}" in platform.running(f"worker-{number}")
    assert {count for counts in in_sync(platform).values() for count in counts} == {3}


def test_a_manager_and_a_broker_that_die_together_cost_no_event(platform: Platform, visitors: Visitors) -> None:
    """Visitors come while both are dead, and while both are made again."""
    with visitors.underway("deaths") as path:
        platform.kill("manager-2", "worker-1")
        until(
            platform.nodes,
            lambda found: found["manager-2"].startswith("Down") and found["worker-1"].startswith("Down"),
            seconds=120,
        )
        with timed("refresh and up that heal a manager and a broker"):
            platform.heal()
    assert platform.nodes() == ALL_READY
    assert platform.waiting() == []
    assert sorted(managers(platform, "manager-3").values()) == ["Leader", "Reachable", "Reachable"]
    # A request cut off by a task that dies is sent again, and may have arrived the first time.
    assert [each for each in visitors.compared(path).differences if each.found < each.sent] == []
    until(lambda: in_sync(platform), lambda found: {n for counts in found.values() for n in counts} == {3}, seconds=180)


def test_the_first_manager_dies_and_comes_back_to_the_swarm_that_the_others_kept(
    platform: Platform, browser: Browser
) -> None:
    """Everything was reached through it, and the edge and Superset's database were on it."""
    before = platform.host("worker-3").run("docker info --format '{{.Swarm.NodeID}}'")
    platform.kill("manager-1")
    until(
        lambda: managers(platform, "manager-2"),
        lambda found: "Leader" in found.values() and found["manager-1"] == "Unreachable",
        seconds=120,
    )
    with timed("refresh and up that heal the first manager"):
        platform.heal()
    assert platform.nodes() == ALL_READY
    assert platform.waiting() == []
    assert platform.host("worker-3").run("docker info --format '{{.Swarm.NodeID}}'") == before, "the same swarm"
    platform.visit(browser, seconds=180)


def test_destroy_leaves_an_empty_account(stack: CliStack, platform: Platform) -> None:
    with timed("destroy of preset ha"):
        stack.operate("destroy", "--skip-preview")
    assert platform.cloud.api.leaked_resources() == {"registries": [REGISTRY]}
