"""The DigitalOcean part of stack prod under the real CLI, against the API simulator: made, planned, changed, removed.

The simulator's droplets are no hosts here, so what happens on hosts is not looked at.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.cloud_program import cloud_stack
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tests.support.pulumi_cli import CliStack

PROGRAM = """
from infra.config import StackConfig
from infra.targets.digitalocean.cloud import Cloud
from infra.targets.digitalocean.estimate import Estimate
from infra.services import service_specs
from infra.targets.digitalocean.plan import make_plan

config = StackConfig.load()
plan = make_plan(config, service_specs(config))
Estimate.make(config, plan)
Cloud(config, plan)
"""
CONFIG: dict[str, Any] = {
    "preset": "standard",
    "druidScale": 2,
    "registryTier": "basic",
    "protectData": False,
    "domain": "clicks.example.com",
    "dnsZone": "example.com",
    "createDnsZone": True,
    "alertEmails": ["ops@example.com"],
}
# Each with something to create, in the order of a reader.
TYPES = {
    "project:Project",
    "vpc:Vpc",
    "tag:Tag",
    "firewall:Firewall",
    "sshKey:SshKey",
    "droplet:Droplet",
    "reservedIp:ReservedIp",
    "reservedIpAssignment:ReservedIpAssignment",
    "domain:Domain",
    "dnsRecord:DnsRecord",
    "volume:Volume",
    "volumeAttachment:VolumeAttachment",
    "containerRegistry:ContainerRegistry",
    "containerRegistryDockerCredentials:ContainerRegistryDockerCredentials",
    "monitorAlert:MonitorAlert",
}


@pytest.fixture(scope="module")
def stack(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    """The cloud of stack prod, without what happens on hosts, under a name of its own."""
    folder = tmp_path_factory.mktemp("cloud")
    with cloud_stack("cloud", folder, PROGRAM, CONFIG, url=simulator.url, token=simulator.token) as made:
        yield made


def kinds(steps: dict[str, str]) -> set[str]:
    """Types of DigitalOcean's among the steps."""
    found = {urn.split("::")[2].split("$")[-1] for urn in steps}
    return {kind.removeprefix("digitalocean:index/") for kind in found if kind.startswith("digitalocean:")}


def cloud_steps(stack: CliStack) -> dict[str, str]:
    """Name to operation of DigitalOcean's resources."""
    return {
        f"{urn.split('::')[2].split('/')[-1].split(':')[0]} {urn.rsplit('::', 1)[-1]}": step
        for urn, step in stack.preview_steps().items()
        if "digitalocean:index/" in urn
    }


def names(account: SimulatorClient) -> set[str]:
    """Of the droplets that there are."""
    return {item["name"] for item in account.call("GET", "/droplets")["droplets"]}


def test_a_preview_of_an_empty_account_shows_every_resource(stack: CliStack) -> None:
    steps = stack.preview_steps()
    assert kinds(steps) == TYPES
    assert set(steps.values()) == {"create"}


def test_up_makes_it_for_the_price_it_names_and_a_second_one_changes_nothing(
    stack: CliStack, account: SimulatorClient
) -> None:
    said = stack.operate("up", "--skip-preview").stdout
    assert "134.50 USD a month" in said
    assert "Nothing is deployed yet" in said
    assert names(account) == {f"clickstream-cloud-{name}" for name in ("manager-1", "worker-1", "worker-2")}
    volumes = {item["name"]: item["droplet_ids"] for item in account.call("GET", "/volumes")["volumes"]}
    assert set(volumes) == {f"clickstream-cloud-{name}" for name in ("archive", "control", "kafka", "druid")}
    assert all(len(droplets) == 1 for droplets in volumes.values())
    assert cloud_steps(stack) == {}


def test_a_refresh_of_an_untouched_account_changes_nothing(stack: CliStack) -> None:
    stack.operate("refresh", "--skip-preview")
    assert cloud_steps(stack) == {}


def test_what_the_provider_gives_too_little_time_to_go_has_more(stack: CliStack) -> None:
    resources = json.loads(stack.exported())["deployment"]["resources"]
    seconds = {item["type"]: item["customTimeouts"].get("delete") for item in resources if item.get("customTimeouts")}
    hurried = ("droplet:Droplet", "vpc:Vpc", "project:Project")
    assert {f"digitalocean:index/{kind}": 600 for kind in hurried}.items() <= seconds.items()


def test_no_token_and_no_key_is_in_the_state_in_plain(stack: CliStack, simulator: Simulator) -> None:
    exported = stack.exported()
    assert simulator.token not in exported
    assert "PRIVATE KEY" not in exported


def test_one_more_worker_is_one_more_droplet_and_one_less_takes_it_away(
    stack: CliStack, account: SimulatorClient
) -> None:
    stack.config["workerCount"] = 3
    planned = cloud_steps(stack)
    assert planned.pop("droplet worker-3") == "create"
    assert planned == {"project project": "update"}, "nobody else is touched"
    stack.operate("up", "--skip-preview")
    assert "clickstream-cloud-worker-3" in names(account)
    stack.config["workerCount"] = 2
    assert cloud_steps(stack)["droplet worker-3"] == "delete"
    stack.operate("up", "--skip-preview")
    assert "clickstream-cloud-worker-3" not in names(account)


def test_a_droplet_that_died_is_found_by_refresh_and_planned_anew(stack: CliStack, account: SimulatorClient) -> None:
    (lost,) = (
        item for item in account.call("GET", "/droplets")["droplets"] if item["name"] == "clickstream-cloud-worker-2"
    )
    account.call("DELETE", f"/droplets/{lost['id']}")
    stack.operate("refresh", "--skip-preview")
    planned = cloud_steps(stack)
    assert planned["droplet worker-2"] == "create"
    assert planned["volumeAttachment druid"] == "create"
    stack.operate("up", "--skip-preview")
    assert "clickstream-cloud-worker-2" in names(account)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"region": "fra2"}, "did you mean fra1"),
        ({"workerSize": "s-4vcpu-8g"}, "did you mean s-4vcpu-8gb"),
        ({"region": "ams3"}, "replaceStatefulHosts true"),
        ({"workerCount": 99}, "more droplets are needed"),
        ({"druidVolumeGiB": 3}, "can grow, never shrink"),
        ({"registryTier": "starter"}, "use `basic` (5.00 USD a month)"),
    ],
)
def test_what_can_not_be_is_refused_at_preview(stack: CliStack, changes: dict[str, Any], said: str) -> None:
    before = dict(stack.config)
    stack.config |= changes
    result = stack.operate("preview", check=False)
    stack.config = before
    assert result.returncode != 0
    assert said in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_wrong_token_is_told_as_such(stack: CliStack) -> None:
    right, stack.env["DIGITALOCEAN_TOKEN"] = stack.env["DIGITALOCEAN_TOKEN"], "wrong"
    result = stack.operate("preview", check=False)
    stack.env["DIGITALOCEAN_TOKEN"] = right
    assert "refuses the token" in result.stdout + result.stderr


def test_data_is_protected_unless_a_setting_says_otherwise(stack: CliStack) -> None:
    stack.config["protectData"] = True
    stack.operate("up", "--skip-preview")
    result = stack.operate("destroy", "--skip-preview", check=False)
    assert "protect" in result.stdout + result.stderr
    stack.config["protectData"] = False
    stack.operate("up", "--skip-preview")


def test_destroy_leaves_an_empty_account(stack: CliStack, account: SimulatorClient) -> None:
    stack.operate("destroy", "--skip-preview")
    assert not any(account.leaked_resources().values())
