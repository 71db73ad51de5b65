"""Stack prod on three hosts of its own, from nothing to nothing: made, used, grown, shrunk, broken and taken away.

The tests run in the order in which they stand here, on one stack: bringing it up is what takes the time.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from infra.resources.clients.ssh import SshHost
from simulator.ledger import Ledger
from tests.cloud.conftest import PROJECT_NAME, REGISTRY, Cloud
from tests.cloud.visitors import EVENTS_PER_SECOND, Visitors
from tests.e2e.journey import Access, eventually
from tests.support.browser import chromium
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until

BOOKS = "docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}}'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    with chromium() as running:
        yield running


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it took: figures, not limits."""
    started = time.monotonic()
    yield
    print(f"FIGURE {what}: {time.monotonic() - started:.0f} s")  # noqa: T201


def host(cloud: Cloud, name: str) -> SshHost:
    """A droplet, reached as Pulumi reaches it: by the stack's own key, to the host key that was there before it."""
    networks = cloud.droplets()[name]["networks"]["v4"]
    (address,) = (one["ip_address"] for one in networks if one["type"] == "public")
    return SshHost(address=address, alias=name, access=PROJECT_NAME)


def nodes(cloud: Cloud) -> dict[str, str]:
    """Name to state, as the swarm's manager has it in its books."""
    lines = host(cloud, "manager-1").run(BOOKS).splitlines()
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def running(cloud: Cloud, name: str) -> set[str]:
    """Services with a container on the host."""
    names = host(cloud, name).run("docker ps --format '{{.Names}}'").split()
    return {one.removeprefix(f"{PROJECT_NAME}-").split(".")[0] for one in names}


def row_of(access: Access, event_id: str) -> dict[str, Any] | None:
    """The event's row in Druid. The edge made its certificate itself, as the stack's documentation says."""
    try:
        answer = httpx.post(
            f"{access.druid}/druid/v2/sql",
            auth=(access.user, access.password),
            json={"query": f"SELECT * FROM clickstream WHERE event_id = '{event_id}'"},  # noqa: S608  # our own id
            verify=False,  # noqa: S501  # nobody has signed it
            timeout=20,
        )
    except httpx.TransportError:
        return None
    if answer.is_error:
        return None
    rows: list[dict[str, Any]] = answer.json()
    return rows[0] if rows else None


def visit(browser: Browser, access: Access, *, seconds: float) -> dict[str, Any]:
    """A person opens the website; the row that it becomes."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(access.website)
    page.wait_for_function("document.querySelector('#event-id')?.textContent?.trim().length > 10")
    event_id = (page.text_content("#event-id") or "").strip()
    row, after = eventually(f"event {event_id} in Druid", lambda: row_of(access, event_id), seconds=seconds)
    print(f"FIGURE visit to Druid: {after:.1f} s")  # noqa: T201
    context.close()
    return row


def test_a_preview_of_nothing_shows_everything(stack: CliStack) -> None:
    with timed("preview of an empty account"):
        steps = stack.preview_steps()
    kinds = {urn.split("::")[2].split("$")[-1] for urn in steps}
    assert {"digitalocean:index/droplet:Droplet", "docker:index/service:Service"} <= kinds
    assert set(steps.values()) == {"create"}


def test_up_makes_three_hosts_into_a_swarm_on_which_the_platform_runs(stack: CliStack, cloud: Cloud) -> None:
    with timed("up from nothing, with building and pushing the images"):
        stack.operate("up", "--skip-preview")
    assert nodes(cloud) == dict.fromkeys(("manager-1", "worker-1", "worker-2"), "Ready Active")
    assert {"edge", "postgres", "superset"} <= running(cloud, "manager-1")
    assert "kafka" in running(cloud, "worker-1")
    assert {"coordinator", "historical", "indexer", "zookeeper"} <= running(cloud, "worker-2")
    for name, group, volume in (("worker-1", "kafka", "kafka"), ("worker-2", "druid", "druid-coordinator")):
        folder = f"/var/lib/clickstream/{group}"
        found, *files = host(cloud, name).run(f"findmnt -n -o TARGET --target {folder}; ls {folder}/{volume}").split()
        assert found == folder, "a device of its own"
        assert files, "data is on it"


def test_a_visit_to_the_edge_is_in_druid(stack: CliStack, browser: Browser) -> None:
    access = Access.of(stack.outputs())
    assert access.website.startswith("https://")
    row = visit(browser, access, seconds=180)
    assert row["event_type"] == "pageView"
    assert row["country_code"] == "GB", "privateVisitorIp is in London"


def test_nothing_is_open_to_strangers_but_the_website(stack: CliStack, cloud: Cloud) -> None:
    ports = {"website": 443, "redirect": 80, "superset": 8080, "druid": 8888, "kafka manager": 9000}
    listening = host(cloud, "manager-1").run("iptables -t nat -S DOCKER | grep -o 'dport [0-9]*' | sort -u")
    assert {int(line.split()[1]) for line in listening.splitlines()} == set(ports.values())
    for worker in ("worker-1", "worker-2"):
        assert "dport" not in host(cloud, worker).run("iptables -t nat -S DOCKER"), "only the edge publishes"
    access = Access.of(stack.outputs())
    for url in (access.druid, access.kafka_manager):
        assert httpx.get(url, verify=False).status_code == httpx.codes.UNAUTHORIZED  # noqa: S501


def test_a_second_up_changes_nothing(stack: CliStack) -> None:
    with timed("preview without changes"):
        stack.operate("preview", "--expect-no-changes")
    with timed("up without changes"):
        stack.operate("up", "--skip-preview", "--expect-no-changes")


def test_no_secret_is_in_the_state(stack: CliStack, cloud: Cloud) -> None:
    exported, access = stack.exported(), Access.of(stack.outputs())
    tokens = (
        host(cloud, "manager-1").run("docker swarm join-token -q worker; docker swarm join-token -q manager").split()
    )
    secrets = [*tokens, cloud.simulator.token, cloud.registry.password, access.password, "PRIVATE KEY"]
    assert len(tokens) == 2
    assert not [secret for secret in secrets if secret in exported]


def test_a_new_collector_is_rolled_out_without_a_failed_request_or_a_lost_event(
    stack: CliStack, visitors: Visitors
) -> None:
    with visitors.underway("rollout") as path:
        stack.config["duplicateWindowHours"] = 12
        with timed("up with a new collector"):
            stack.operate("up", "--skip-preview")
    ledger = Ledger.load(path)
    print(f"FIGURE events sent meanwhile: {ledger.acknowledged}")  # noqa: T201
    assert ledger.acknowledged > EVENTS_PER_SECOND
    assert (ledger.retries, ledger.refused) == (0, 0)
    assert visitors.compared(path).differences == []


def test_what_would_make_a_host_with_data_anew_needs_a_yes(stack: CliStack) -> None:
    stack.config["dropletImage"] = "debian-13-x64"
    refused = stack.operate("preview", check=False)
    del stack.config["dropletImage"]
    assert refused.returncode != 0
    assert "dropletImage: debian-13-x64 given, worker-1 has debian-12-x64" in refused.stdout + refused.stderr
    assert "replaceStatefulHosts" in refused.stdout + refused.stderr


def test_a_worker_more_joins_and_gets_work(stack: CliStack, cloud: Cloud) -> None:
    stack.config["workerCount"] = 3
    with timed("up with a worker more"):
        stack.operate("up", "--skip-preview")
    assert nodes(cloud)["worker-3"] == "Ready Active"
    assert running(cloud, "worker-3"), "services that may run anywhere are spread anew"


def test_a_worker_less_is_drained_and_leaves_the_books_before_its_droplet_goes(
    stack: CliStack, cloud: Cloud, visitors: Visitors
) -> None:
    stack.config["workerCount"] = 2
    with visitors.underway("removal") as path, timed("up with a worker less"):
        said = stack.operate("up", "--skip-preview").stdout
    assert "leaves without answering" not in said
    assert nodes(cloud) == dict.fromkeys(("manager-1", "worker-1", "worker-2"), "Ready Active")
    assert set(cloud.droplets()) == {"manager-1", "worker-1", "worker-2"}
    # A request cut off by a task that moves is sent again, and may have arrived the first time.
    lost = [each for each in visitors.compared(path).differences if each.found < each.sent]
    assert lost == []


def test_a_droplet_that_dies_is_made_again_with_its_data(stack: CliStack, cloud: Cloud, browser: Browser) -> None:
    """The one with Kafka: what was in its topics is there afterwards."""
    lost = cloud.droplets()["worker-1"]
    offsets = "cat /var/lib/clickstream/kafka/kafka/meta.properties | grep cluster.id"
    before = host(cloud, "worker-1").run(offsets)
    cloud.api.call("DELETE", f"/droplets/{lost['id']}")
    until(lambda: cloud.droplets(), lambda found: "worker-1" not in found, seconds=120)
    with timed("refresh and up that heal a lost droplet"):
        stack.operate("refresh", "--skip-preview", "--target", "**digitalocean:index/**")
        stack.operate("up", "--skip-preview")
    assert cloud.droplets()["worker-1"]["id"] != lost["id"]
    assert nodes(cloud) == dict.fromkeys(("manager-1", "worker-1", "worker-2"), "Ready Active")
    assert host(cloud, "worker-1").run(offsets) == before
    visit(browser, Access.of(stack.outputs()), seconds=180)


def test_destroy_leaves_an_empty_account(stack: CliStack, cloud: Cloud) -> None:
    with timed("destroy"):
        stack.operate("destroy", "--skip-preview")
    left = cloud.api.leftovers()
    assert left == {"registries": [REGISTRY]}, "that one was there before"
