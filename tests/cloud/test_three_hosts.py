"""Stack prod on three hosts of its own, from nothing to nothing: made, used, grown, shrunk, broken and taken away.

The tests run in the order in which they stand here, on one stack: bringing it up is what takes the time.
"""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from infra.images.source import pushed_mebibytes
from infra.paths import ROOT
from tests.browser.collector_server import pages
from tests.cloud.conftest import REGISTRY, prod
from tests.cloud.platform import Cloud, Platform, timed
from tests.cloud.visitors import EVENTS_PER_SECOND, Visitors
from tests.support.pulumi_cli import CliStack
from tests.support.services import IMAGE_SOURCES
from tools.tag import Tag, text
from visitors.ledger import Ledger


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    """One manager, two workers."""
    with prod(cloud, "droplets", {"preset": "standard"}, tmp_path_factory) as made:
        yield made


def test_a_preview_of_nothing_shows_everything(stack: CliStack) -> None:
    with timed("preview of an empty account"):
        steps = stack.preview_steps()
    kinds = {urn.split("::")[2].split("$")[-1] for urn in steps}
    assert {"digitalocean:index/droplet:Droplet", "docker:index/service:Service"} <= kinds
    assert set(steps.values()) == {"create"}


def test_up_makes_three_hosts_into_a_swarm_on_which_the_platform_runs(stack: CliStack, platform: Platform) -> None:
    with timed("up from nothing, with building and pushing the images"):
        stack.operate("up", "--skip-preview")
    assert platform.nodes() == dict.fromkeys(("manager-1", "worker-1", "worker-2"), "Ready Active")
    assert {"edge", "postgres", "superset"} <= platform.running("manager-1")
    assert "kafka" in platform.running("worker-1")
    assert {"coordinator", "historical", "indexer", "zookeeper"} <= platform.running("worker-2")
    for name, group, volume in (("worker-1", "kafka", "kafka"), ("worker-2", "druid", "druid-coordinator")):
        folder = f"/var/lib/clickstream/{group}"
        found, *files = platform.host(name).run(f"findmnt -n -o TARGET --target {folder}; ls {folder}/{volume}").split()
        assert found == folder, "a device of its own"
        assert files, "data is on it"


def test_a_visit_to_the_edge_is_in_druid(platform: Platform, browser: Browser) -> None:
    access = platform.access()
    assert access.website.startswith("https://")
    row = platform.visit(browser, seconds=180)
    assert row["event_type"] == "pageView"
    assert row["country_code"] == "GB", "privateVisitorIp is in London"


def test_check_tag_follows_a_page_s_event_into_druid_and_says_what_is_wrong(stack: CliStack) -> None:
    tag = Tag.of_outputs(stack.outputs())
    assert tag.script.startswith("https://")
    with pages(f"<!doctype html><title>A shop</title>{text(tag, ['html'])}") as shop:
        good = check_tag(stack, f"{shop}/lamps")
    with pages("<!doctype html><title>No tag</title>") as other:
        bad = check_tag(stack, f"{other}/lamps")
    assert good.returncode == 0, good.stdout + good.stderr
    assert f"The tracker is loaded from {tag.script}." in good.stdout
    assert "The collector accepted 1 of 1 events." in good.stdout
    assert "Druid has all 1 of them." in good.stdout
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert "PROBLEM The page has no tag" in bad.stdout


def check_tag(stack: CliStack, address: str) -> subprocess.CompletedProcess[str]:
    """As `make check-tag` runs it; visitors' browsers do not trust the edge's own certificate."""
    command = [sys.executable, "-m", "tools.check_tag", address, "--stack", stack.name, "--insecure"]
    return subprocess.run(command, cwd=ROOT, env=stack.env, capture_output=True, text=True, check=False, timeout=300)


def test_nothing_is_open_to_strangers_but_the_website(platform: Platform) -> None:
    ports = {"website": 443, "redirect": 80, "superset": 8080, "druid": 8888, "kafka manager": 9000}
    listening = platform.host("manager-1").run("iptables -t nat -S DOCKER | grep -o 'dport [0-9]*' | sort -u")
    assert {int(line.split()[1]) for line in listening.splitlines()} == set(ports.values())
    for worker in ("worker-1", "worker-2"):
        assert "dport" not in platform.host(worker).run("iptables -t nat -S DOCKER"), "only the edge publishes"
    access = platform.access()
    for url in (access.druid, access.kafka_manager):
        assert httpx.get(url, verify=False).status_code == httpx.codes.UNAUTHORIZED  # noqa: S501


def test_the_images_are_in_one_repository_and_as_large_as_the_preview_counts(platform: Platform) -> None:
    registry = platform.cloud.api.call("GET", "/registry")["registry"]
    listed = platform.cloud.api.call("GET", f"/registries/{REGISTRY}/repositoriesV2")["repositories"]
    assert [one["name"] for one in listed] == [platform.project]
    stored = registry["storage_usage_bytes"] / 1024**2
    print(f"FIGURE images in the registry: {stored:.0f} MiB")  # noqa: T201
    # Packages of the day differ by a little.
    assert stored == pytest.approx(pushed_mebibytes(IMAGE_SOURCES), rel=0.1)


def test_a_second_up_changes_nothing(stack: CliStack) -> None:
    with timed("preview without changes"):
        stack.operate("preview", "--expect-no-changes")
    with timed("up without changes"):
        stack.operate("up", "--skip-preview", "--expect-no-changes")


def test_no_secret_is_in_the_state(stack: CliStack, platform: Platform) -> None:
    exported, access = stack.exported(), platform.access()
    tokens = (
        platform.host("manager-1").run("docker swarm join-token -q worker; docker swarm join-token -q manager").split()
    )
    secrets = [
        *tokens,
        platform.cloud.simulator.token,
        platform.cloud.registry.password,
        access.password,
        "PRIVATE KEY",
    ]
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


def test_a_worker_more_joins_and_gets_work(stack: CliStack, platform: Platform) -> None:
    stack.config["workerCount"] = 3
    with timed("up with a worker more"):
        stack.operate("up", "--skip-preview")
    assert platform.nodes()["worker-3"] == "Ready Active"
    assert platform.running("worker-3"), "services that may run anywhere are rebalanced"


def test_a_worker_less_is_drained_and_leaves_the_books_before_its_droplet_goes(
    stack: CliStack, platform: Platform, visitors: Visitors
) -> None:
    stack.config["workerCount"] = 2
    with visitors.underway("removal") as path, timed("up with a worker less"):
        said = stack.operate("up", "--skip-preview").stdout
    assert "did not confirm that it left" not in said
    assert platform.nodes() == dict.fromkeys(("manager-1", "worker-1", "worker-2"), "Ready Active")
    assert set(platform.droplets()) == {"manager-1", "worker-1", "worker-2"}
    # A request cut off by a task that moves is sent again, and may have arrived the first time.
    lost = [each for each in visitors.compared(path).differences if each.found < each.sent]
    assert lost == []


def test_a_droplet_that_dies_is_made_again_with_its_data(platform: Platform, browser: Browser) -> None:
    """The one with Kafka: what was in its topics is there afterwards."""
    lost = platform.droplets()["worker-1"]["id"]
    offsets = "cat /var/lib/clickstream/kafka/kafka/meta.properties | grep cluster.id"
    before = platform.host("worker-1").run(offsets)
    platform.kill("worker-1")
    with timed("refresh and up that heal a lost droplet"):
        platform.heal()
    assert platform.droplets()["worker-1"]["id"] != lost
    assert platform.nodes() == dict.fromkeys(("manager-1", "worker-1", "worker-2"), "Ready Active")
    assert platform.waiting() == [], "who is told that it is healed finds it so"
    assert platform.host("worker-1").run(offsets) == before
    platform.visit(browser, seconds=180)


def test_destroy_leaves_an_empty_account(stack: CliStack, platform: Platform) -> None:
    with timed("destroy"):
        stack.operate("destroy", "--skip-preview")
    left = platform.cloud.api.leaked_resources()
    assert left == {"registries": [REGISTRY]}, "that one was there before"
