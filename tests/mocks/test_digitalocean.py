"""Stack prod's part of the graph: droplets, perimeter, data, and what must never be in it."""

import re
from typing import Any

import pulumi
import pytest

from infra.targets.digitalocean.plan import MOUNTS
from tests.mocks.engine import (
    CREDENTIALS,
    DATA_VOLUME,
    DO_VOLUME,
    DOCKER_PROVIDER,
    DROPLET,
    FIREWALL,
    IMAGE,
    NODE,
    REMOTE_COMMAND,
    SERVICE,
    SERVICE_READY,
    VOLUME,
    Program,
    is_secret,
    plain,
    run_program,
    text,
)
from tests.support.services import SPECS

WORLD = {"0.0.0.0/0", "::/0"}


def rules(program: Program, firewall: str) -> dict[str, set[str]]:
    """Protocol and ports to sources."""
    return {
        f"{rule['protocol']} {rule.get('portRange', '')}".strip(): set(rule["sourceAddresses"])
        for rule in plain(program.engine.of(FIREWALL)[firewall].inputs["inboundRules"])
    }


def test_only_the_website_is_open_to_the_internet_and_only_on_the_edge(prod: Program, ha: Program) -> None:
    for program in (prod, ha):
        nodes, edge = rules(program, "firewall"), rules(program, "edge-firewall")
        assert not any(sources & WORLD for sources in nodes.values())
        assert {ports for ports, sources in edge.items() if sources & WORLD} == {"tcp 80", "tcp 443"}
    tags = {name: len(droplet.inputs["tags"]) for name, droplet in ha.engine.of(DROPLET).items()}
    assert {name for name, count in tags.items() if count == 2} == {"manager-1"}, "only the edge has the edge's tag"


def test_swarm_ports_are_open_to_the_private_network_alone(prod: Program) -> None:
    inside = {ports: sources for ports, sources in rules(prod, "firewall").items() if ports != "tcp 22"}
    assert set(inside) == {"tcp 2377", "tcp 7946", "udp 7946", "udp 4789", "icmp"}
    assert all(sources == {"10.116.0.0/20"} for sources in inside.values())


def test_admin_pages_have_names_with_a_domain_and_are_for_operators_without(prod: Program, ha: Program) -> None:
    operators = {ports for ports, sources in rules(prod, "edge-firewall").items() if not sources & WORLD}
    assert operators == {"tcp 8080", "tcp 8888", "tcp 9000"}
    assert set(rules(ha, "edge-firewall")) == {"tcp 80", "tcp 443"}
    published = {port["publishedPort"] for port in ha.engine.of(SERVICE)["edge"].inputs["endpointSpec"]["ports"]}
    assert published == {80, 443}
    (assets,) = ha.engine.of("pulumi-python:dynamic/superset:Assets").values()
    way = plain(assets.inputs["base_url"])
    assert way.startswith("https+ssh://root@203.0.113.10/superset.clicks.example.com?"), "the program's own way is ssh"
    records = {
        item.inputs["name"] for item in ha.engine.resources if item.type == "digitalocean:index/dnsRecord:DnsRecord"
    }
    assert records == {"clicks", "superset.clicks", "druid.clicks", "kafka.clicks"}


def test_every_name_of_the_website_has_a_record_or_is_an_output_to_set_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    named: dict[str, Any] = {
        "domain": "example.com",
        "domains": ["news.example.com", "other.example"],
        "redirectWww": True,
    }
    zone = run_program("prod", dnsZone="example.com", **named)
    records = {
        item.inputs["name"] for item in zone.engine.resources if item.type == "digitalocean:index/dnsRecord:DnsRecord"
    }
    assert records == {"@", "www", "news", "www.news", "superset", "druid", "kafka"}
    assert exported["dnsRecords"].keys() == {"other.example", "www.other.example"}
    run_program("prod", **named)
    assert exported["dnsRecords"].keys() == {
        "example.com", "news.example.com", "other.example", "www.example.com", "www.news.example.com",
        "www.other.example", "superset.example.com", "druid.example.com", "kafka.example.com",
    }  # fmt: skip


def test_egress_is_explicit(prod: Program) -> None:
    outbound = plain(prod.engine.of(FIREWALL)["firewall"].inputs["outboundRules"])
    assert {rule["protocol"] for rule in outbound} == {"tcp", "udp", "icmp"}


def test_no_secret_but_the_host_key_is_in_user_data_and_that_is_marked(prod: Program) -> None:
    for droplet in prod.engine.of(DROPLET).values():
        assert is_secret(droplet.inputs["userData"]), "a host key in plain state"
        user_data = plain(droplet.inputs["userData"])
        assert f"private-{droplet.name}-host" in user_data
        assert "private-deploy" not in user_data
        for word in ("SWMTKN", "generated-"):
            assert word not in user_data, f"{word} in user data"


def test_operators_keys_go_to_every_host_over_a_pinned_connection() -> None:
    keys = ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]
    engine = run_program("prod", preset="ha", operatorSshKeys=keys).engine
    commands = {name.removesuffix("-operator-keys"): item.inputs for name, item in engine.of(REMOTE_COMMAND).items()}
    assert set(commands) == set(engine.of(DROPLET))
    for host, inputs in commands.items():
        assert is_secret(inputs["connection"]), "the deploy key in plain state"
        connection = plain(inputs["connection"])
        assert (connection["host"], connection["privateKey"]) == ("203.0.113.10", "private-deploy")
        assert connection["hostKey"] == f"ssh-ed25519 {host}-host"
        assert inputs["stdin"] == "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"
        assert inputs["triggers"] == ["4711"], "a new droplet under the name needs them as well"
        assert "delete" not in inputs, "a host that is gone could not be asked"


def test_join_tokens_are_nowhere_in_the_graph(ha: Program) -> None:
    nodes = ha.engine.of(NODE)
    assert len(nodes) == 6
    for node in nodes.values():
        assert not any("token" in key.lower() for key in node.inputs if not key.startswith("__"))


def test_nodes_get_a_login_that_can_only_read(prod: Program) -> None:
    writes = {name: item.inputs["write"] for name, item in prod.engine.of(CREDENTIALS).items()}
    assert writes == {"write": True, "read": False}
    auth = prod.engine.of(DOCKER_PROVIDER)["docker"].inputs["registryAuth"]
    assert "generated-registry" in text(plain(auth))
    assert is_secret(auth) or "generated-registry" not in text(auth)


def test_every_image_is_for_the_droplets_processor_and_pushed(prod: Program) -> None:
    for image in prod.engine.of(IMAGE).values():
        assert image.inputs["platforms"] == ["linux/amd64"]
        assert image.inputs["push"]


def test_all_images_of_a_stack_are_tags_in_one_repository_of_its_own(prod: Program) -> None:
    """DigitalOcean's registry tiers limit the repositories, and deleting a stack deletes its manifests by digest."""
    names = [name for image in prod.engine.of(IMAGE).values() for name in image.inputs["tags"]]
    repositories, tags = {name.rpartition(":")[0] for name in names}, {name.rpartition(":")[2] for name in names}
    assert repositories == {"registry.digitalocean.com/clickstream/clickstream-prod"}
    assert len(tags) == len(names) == 10
    assert all(re.fullmatch(r"[a-z-]+-[0-9a-f]{16}", tag) for tag in tags)


def test_all_data_is_on_block_devices(prod: Program, ha: Program) -> None:
    """What is not, is in a folder of a droplet that a replacement takes away; a mount says so with `durable=False`."""
    mounts = [mount for spec in SPECS for mount in spec.volumes]
    may_go = {f"clickstream-prod-{mount.volume}" for mount in mounts if not mount.durable}
    for program in (prod, ha):
        assert not program.engine.of(VOLUME), "the engine's own volumes are on the droplet's disk"
        for name, service in program.engine.of(SERVICE).items():
            for mount in service.inputs["taskSpec"]["containerSpec"]["mounts"]:
                if "source" not in mount:
                    continue  # scratch, which goes with the task
                device = mount.get("volumeOptions", {}).get("driverOptions", {}).get("device", "")
                kept = device.startswith(MOUNTS)
                assert kept or mount["source"] in may_go, f"{name} keeps {mount['source']} on the droplet's disk"


def test_devices_have_the_folders_that_services_mount(ha: Program) -> None:
    folders = {
        f"{volume.inputs['mount']}/{folder}"
        for volume in ha.engine.of(DATA_VOLUME).values()
        for folder in volume.inputs["folders"]
    }
    mounted = {
        mount["volumeOptions"]["driverOptions"]["device"]
        for service in ha.engine.of(SERVICE).values()
        for mount in service.inputs["taskSpec"]["containerSpec"]["mounts"]
        if "source" in mount
        if "volumeOptions" in mount
    }
    assert mounted == folders


def test_stateful_services_go_where_their_device_is(ha: Program) -> None:
    labels = {volume.name: volume.inputs["label"] for volume in ha.engine.of(DATA_VOLUME).values()}
    for name, service in ha.engine.of(SERVICE).items():
        for mount in service.inputs["taskSpec"]["containerSpec"]["mounts"]:
            device = mount.get("volumeOptions", {}).get("driverOptions", {}).get("device")
            if device:
                group = device.removeprefix(f"{MOUNTS}/").split("/")[0]
                wanted = [f"node.labels.{labels[group]} == true"]
                assert service.inputs["taskSpec"]["placement"]["constraints"] == wanted, name


def test_adding_a_worker_adds_a_worker_and_touches_no_other_droplet() -> None:
    def droplets(count: int) -> dict[str, Any]:
        program = run_program("prod", preset="standard", druidScale=2, workerCount=count)
        return {name: plain(item.inputs) for name, item in program.engine.of(DROPLET).items()}

    before, after = droplets(2), droplets(3)
    assert set(after) - set(before) == {"worker-3"}
    assert {name: after[name] for name in before} == before


def test_volumes_of_a_group_keep_their_names_in_every_preset(prod: Program, ha: Program) -> None:
    shared = set(prod.engine.of(DO_VOLUME)) & set(ha.engine.of(DO_VOLUME))
    assert {"control", "druid"} <= shared


def test_hosts_too_small_for_what_runs_on_them_are_refused_at_preview() -> None:
    with pytest.raises(pulumi.RunError, match=r"managerSize: s-2vcpu-4gb has room for \d+ MiB"):
        run_program("prod", managerSize="s-2vcpu-4gb")


def test_another_worker_restarts_only_what_may_run_on_it(prod: Program, ha: Program) -> None:
    for program in (prod, ha):
        spread = {
            name
            for name, service in program.engine.of(SERVICE).items()
            if plain(service.inputs["taskSpec"]).get("forceUpdate") is not None
        }
        assert spread == {"website", "collector", "avro-to-json", "kafka-manager"}


def test_every_service_is_waited_for_again_when_a_host_is_another(prod: Program) -> None:
    hosts = [f"{name}-node" for name in prod.engine.of(NODE)]
    waited_for = prod.engine.of(SERVICE_READY)
    assert waited_for.keys() == prod.engine.of(SERVICE).keys()
    assert all(sorted(plain(ready.inputs["members"])) == sorted(hosts) for ready in waited_for.values())
