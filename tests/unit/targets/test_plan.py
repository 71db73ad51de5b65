"""Presets: what is where, what it costs, and what can't be."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import ConfigError, StackConfig
from infra.resources.digitalocean.client import Account, LiveDroplet, LiveVolume, Region, Size
from infra.services import service_specs
from infra.swarm.spec import CONTROL, HealthCheck, ServiceSpec, VolumeMount
from infra.targets.digitalocean import cloud_init, prices
from infra.targets.digitalocean.checks import AccountState, cloud_issues, duplicate_droplets
from infra.targets.digitalocean.plan import Plan, make_plan
from infra.versions import VERSIONS
from tests.support.services import IMAGE_SOURCES
from tests.support.stack_config import raw_config

STACK = "clickstream-test"


def parse(**changes: Any) -> StackConfig:
    return StackConfig.parse("test", raw_config("prod", **changes))


def plan_of(config: StackConfig) -> Plan:
    return make_plan(config, service_specs(config))


def issues(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(**changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("preset", "monthly", "droplets", "brokers"),
    [("small", 105.5, 1, 1), ("standard", 129.5, 3, 1), ("ha", 230.5, 6, 3)],
)
def test_a_preset_is_what_the_documentation_says(preset: str, monthly: float, droplets: int, brokers: int) -> None:
    config = parse(preset=preset)
    plan = plan_of(config)
    assert len(plan.hosts) == droplets
    assert config.kafka.kafka_brokers == config.kafka.topic_replication == brokers
    assert prices.plan_cost(plan, "existing", prices.TABLE).monthly == monthly
    most = prices.plan_cost(plan, "professional", prices.TABLE).monthly
    assert most <= config.digitalocean.monthly_cost_ceiling, "the shipped ceiling has room for every preset"


@pytest.mark.parametrize("preset", ["small", "standard", "ha"])
def test_hosts_with_data_are_the_first_of_their_role(preset: str) -> None:
    """So that the last workers can go without taking data along."""
    few, many = plan_of(parse(preset=preset)), plan_of(parse(preset=preset, workerCount=9))
    assert few.groups == many.groups
    assert "worker-9" not in many.stateful_hosts


def service(**changes: Any) -> ServiceSpec:
    check = HealthCheck.http(80, "/")
    given: dict[str, Any] = {"name": "notes", "source": IMAGE_SOURCES[0], "memory": 64, "healthcheck": check}
    return ServiceSpec(**(given | changes))


def test_a_durable_volume_is_on_a_device_by_being_declared_and_another_is_not() -> None:
    config = parse()
    durable, spare = VolumeMount(volume="notes", path="/a"), VolumeMount(volume="spare", path="/b", durable=False)
    plan = make_plan(config, [*service_specs(config), service(volumes=(durable, spare), placement=CONTROL)])
    assert plan.volume_folders["notes"] == "/var/lib/clickstream/control/notes"
    assert "spare" not in plan.volume_folders


@pytest.mark.parametrize("preset", ["small", "standard", "ha"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"placement": "attic", "volumes": (VolumeMount(volume="notes", path="/a"),)},
            "no host has a volume for attic",
        ),
        ({"placement": "attic"}, "service notes: no host has placement attic; allowed: archive, control, druid, kafka"),
        (
            {"placement": CONTROL, "volumes": (VolumeMount(volume="zookeeper", path="/a"),)},
            "service notes: placement control given, and its volume zookeeper is on the device of placement druid",
        ),
    ],
)
def test_a_service_that_no_host_could_run_is_refused(preset: str, changes: Mapping[str, Any], said: str) -> None:
    config = parse(preset=preset)
    with pytest.raises(ValueError, match=said):
        make_plan(config, [*service_specs(config), service(**changes)])


def test_three_brokers_are_on_three_droplets() -> None:
    plan = plan_of(parse(preset="ha"))
    homes = {group.host for group in plan.groups if group.name.startswith("kafka")}
    assert homes == {"worker-1", "worker-2", "worker-3"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"managerCount": 2}, "use 1 or 3"),
        ({"preset": "standard", "workerCount": 1}, "preset `standard` places its services on 2"),
        ({"preset": "ha", "managerCount": 1}, "use 3 or more"),
        ({"vpcIpRange": "172.20.0.0/16"}, "overlaps vpcIpRange"),
        ({"vpcIpRange": "10.244.0.0/20"}, "which DigitalOcean uses"),
        ({"vpcIpRange": "172.17.0.0/20"}, "Docker's bridge"),
        ({"vpcIpRange": "10.0.0.0/12"}, "/16 to /28"),
        ({"vpcIpRange": "8.8.8.0/24"}, "a private IPv4 range"),
        ({"sshAllowedCidrs": ["0.0.0.0/0"]}, "the whole internet"),
        ({"sshAllowedCidrs": []}, "name the network that you run it from"),
        ({"operatorSshKeys": ["my key"]}, "ssh-ed25519 AAAA"),
        ({"kafkaBrokers": 3}, "three need preset `ha`"),
        ({"preset": "ha", "topicReplication": 3, "kafkaBrokers": 1}, "topicReplication: 3 given"),
        ({"preset": "ha", "kafkaBrokers": 2}, "use 1 or 3"),
        ({"registryServer": "registry.digitalocean.com"}, "<name of the registry>"),
        ({"registryServer": "registry.example.com/a", "registryTier": "basic"}, "leave it at `existing`"),
        ({"websitePort": 8000}, "the firewall opens only 443"),
        ({"domain": "clicks.example.com", "dnsZone": "example.org"}, "is not in that zone"),
        ({"createDnsZone": True}, "it needs dnsZone"),
        ({"alertEmails": ["nobody"]}, "ops@example.com"),
        ({"preset": "huge"}, "'ha'"),
    ],
)
def test_what_does_not_go_together_is_refused_with_its_key(changes: Mapping[str, Any], said: str) -> None:
    assert said in issues(**changes)


def account_state(**changes: Any) -> AccountState:
    regions = {slug: Region(slug=slug, available=slug != "nyc2") for slug in ("fra1", "ams3", "nyc2", "nyc3")}
    everywhere = frozenset(regions)
    sizes = {slug: replace(size, regions=everywhere) for slug, size in prices.TABLE.items()}
    sizes["g-2vcpu-8gb"] = replace(sizes["g-2vcpu-8gb"], regions=frozenset({"nyc3"}))
    account = Account(droplet_limit=10, droplets=0, reserved_ip_limit=3, reserved_ips=2)
    empty = AccountState(account=account, sizes=sizes, regions=regions, droplets=[], volumes=[])
    return replace(empty, **changes)


def cloud(state: AccountState, **changes: Any) -> str:
    config = parse(**changes)
    return "\n".join(cloud_issues(STACK, config.digitalocean, plan_of(config), state))


def droplet(name: str, **changes: Any) -> LiveDroplet:
    made = LiveDroplet(
        id=1, name=f"{STACK}-{name}", region="fra1", size="s-8vcpu-16gb", image="debian-12-x64", status="active"
    )
    return replace(made, **changes)


def test_an_empty_account_takes_the_committed_stack() -> None:
    assert cloud(account_state()) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"region": "fra2"}, "region: 'fra2' is not a region of DigitalOcean; did you mean fra1"),
        ({"region": "nyc2"}, "region: nyc2 takes no new droplets; did you mean nyc3"),
        (
            {"managerSize": "s-8vcpu-16g"},
            "managerSize: 's-8vcpu-16g' is not a droplet size of DigitalOcean; did you mean",
        ),
        ({"managerSize": "g-2vcpu-8gb"}, "managerSize: g-2vcpu-8gb is not offered in region fra1"),
        ({"workerCount": 12}, "workerCount: 13 more droplets are needed, but the account's limit is 10"),
    ],
)
def test_what_the_account_shows_to_be_impossible_is_refused_at_preview(changes: Mapping[str, Any], said: str) -> None:
    assert said in cloud(account_state(), **changes)


def test_a_new_stack_needs_a_reserved_address_more_and_one_that_is_there_may_have_the_last() -> None:
    account = Account(droplet_limit=10, droplets=0, reserved_ip_limit=3, reserved_ips=3)
    assert "the account's limit is 3, of which 3 exist" in cloud(account_state(account=account))
    assert cloud(account_state(account=account, droplets=[droplet("manager-1")])) == ""
    volume = LiveVolume(name=f"{STACK}-control", region="fra1", gibibytes=1)
    assert cloud(account_state(account=account, volumes=[volume])) == "", "its droplet may have died"


def test_droplets_of_one_name_are_warned_of_with_their_ids() -> None:
    alone = [droplet("worker-1", id=7), droplet("manager-1", id=8)]
    assert duplicate_droplets(account_state(droplets=alone)) == []
    (warning,) = duplicate_droplets(account_state(droplets=[*alone, droplet("worker-1", id=9)]))
    assert f"2 droplets are named {STACK}-worker-1 (ids 7, 9)" in warning
    assert "doctl compute droplet delete" in warning


def test_a_change_that_would_replace_a_droplet_with_data_needs_a_yes() -> None:
    state = account_state(droplets=[droplet("manager-1")])
    assert "replaceStatefulHosts true" in cloud(state, region="ams3")
    assert "dropletImage" in cloud(state, dropletImage="debian-13-x64")
    assert cloud(state, dropletImage="debian-13-x64", replaceStatefulHosts=True) == ""


def test_managers_do_not_leave_a_swarm_that_has_lost_one() -> None:
    managers = [droplet(f"manager-{number}") for number in (1, 2, 3)]
    well, unwell = (
        account_state(droplets=managers),
        account_state(droplets=[*managers[:1], droplet("manager-2", status="off")]),
    )
    assert cloud(well) == ""
    assert "managerCount" in cloud(unwell)


def test_a_volume_does_not_shrink() -> None:
    state = account_state(volumes=[LiveVolume(name=f"{STACK}-kafka", region="fra1", gibibytes=100)])
    assert "kafkaVolumeGiB: 25 given, kafka has 100" in cloud(state)


def test_the_cost_tells_the_difference_to_what_is_deployed() -> None:
    config = parse(preset="standard")
    sizes: Mapping[str, Size] = prices.TABLE

    def said(droplets: list[LiveDroplet]) -> str:
        deployed = prices.deployed_cost(droplets, [], sizes)
        return prices.describe(plan_of(config), "basic", sizes, "as of now", deployed)

    assert said([]).startswith(
        "134.50 USD a month (1 x s-2vcpu-4gb, 2 x s-4vcpu-8gb, 95 GiB of volumes, registry basic"
    )
    assert "Nothing is deployed yet" in said([])
    assert "33.50 USD more" in said([droplet("manager-1")])
    assert "62.50 USD less" in said([droplet("manager-1"), droplet("worker-1")])


def test_an_unknown_price_is_said_to_be_missing() -> None:
    plan = plan_of(parse(managerSize="gpu-h100x1-80gb"))
    assert "not counting gpu-h100x1-80gb" in prices.describe(plan, "existing", prices.TABLE, "of today", None)


def test_user_data_pins_the_host_key_docker_and_the_logs() -> None:
    rendered = cloud_init.render(hostname="worker-1", host_key="PRIVATE", host_key_public="ssh-ed25519 AAAA")
    assert rendered.startswith("#cloud-config\n")
    document = yaml.safe_load(rendered)
    files = {item["path"]: item["content"] for item in document["write_files"]}
    assert document["ssh_keys"]["ed25519_private"] == "PRIVATE"
    assert f"Pin: version {VERSIONS['DOCKER_VERSION']}.*" in files["/etc/apt/preferences.d/docker"]
    assert yaml.safe_load(files["/etc/docker/daemon.json"])["log-opts"]["max-size"] == "10m"
    assert cloud_init.UNITS.items() <= files.items()
    assert len(rendered) < 64 * 1024


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units_in_user_data(tmp_path: Path) -> None:
    """With a docker.service like Debian's, which the guard and the drop-in are about."""
    folder = tmp_path / "system"
    for path, content in cloud_init.UNITS.items():
        written = folder / path.removeprefix("/etc/systemd/system/")
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(content)
    (folder / "docker.service").write_text("[Service]\nType=notify\nExecStart=/bin/true\n")
    command = ["systemd-analyze", "verify", "--man=no", str(folder / "docker.service")]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stderr) == (0, "")


def test_user_data_is_the_same_every_time() -> None:
    """Anything random in it would be a change in every preview."""
    once, again = (cloud_init.render(hostname="a", host_key="b", host_key_public="c") for _ in range(2))
    assert once == again
