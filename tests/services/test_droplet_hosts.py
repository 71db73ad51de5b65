"""The simulator's droplets as real hosts: what a droplet does at DigitalOcean, one of them does here."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker.errors import APIError

from infra.resources.common.ssh import SshHost, access_folder, write_access
from infra.resources.digitalocean import host_ready
from infra.resources.docker.registry import Login, LoginRefusedError, check_push
from infra.targets.digitalocean import cloud_init
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.hosts import ownership
from tests.fakes.digitalocean.hosts.containers import Containers
from tests.fakes.digitalocean.server import Simulator
from tests.support.ssh import Ssh, SshError, host_at, new_key
from tests.support.waiting import until

BOOT_SECONDS = 120
NETWORK = "10.231.16.0/24"
"""Of its own, so that a stack that is up does not stand in the way."""

VOLUME = "/dev/disk/by-id/scsi-0DO_Volume_state"


@dataclass(frozen=True)
class Pair:
    """Two droplets in one network; the first has a volume and lets port 8000 in from the second."""

    api: SimulatorClient
    first: Ssh
    second: Ssh
    droplets: list[dict[str, Any]]

    def address(self, index: int, kind: str) -> str:
        """Of a droplet."""
        return next(str(one["ip_address"]) for one in self.droplets[index]["networks"]["v4"] if one["type"] == kind)


def until_ended(api: SimulatorClient, path: str, action: dict[str, Any]) -> None:
    """Begin an action and ask until it has ended well."""
    begun = api.call("POST", path, action)["action"]["id"]
    states = partial(api.call, "GET", f"/actions/{begun}")
    ended = until(states, lambda found: found["action"]["completed_at"] is not None, seconds=BOOT_SECONDS)
    assert ended["action"]["status"] == "completed"


def firewall(port: str, **sources: Any) -> dict[str, Any]:
    """An inbound rule."""
    return {"protocol": "tcp", "ports": port, "sources": sources}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both booted at once."""
    folder = tmp_path_factory.mktemp("hosts")
    backend = Containers()
    with Simulator(backend=backend) as simulator, SimulatorClient(simulator.url, simulator.token) as api:
        api.set_limits(requests_a_minute=100_000, requests_an_hour=100_000)
        yield booted(api, folder)
    with closing(docker.from_env()) as engine:
        assert ownership.leaked_resources(engine, backend.owner) == []


def booted(api: SimulatorClient, folder: Path) -> Pair:
    """Made by the API, waited for by SSH with the host's key that the user data carries."""
    identity, host_key = new_key(), new_key()
    key = api.call("POST", "/account/keys", {"name": "deploy", "public_key": identity.public})["ssh_key"]
    vpc = api.call("POST", "/vpcs", {"name": "net", "region": "fra1", "ip_range": NETWORK})["vpc"]
    volume = api.call("POST", "/volumes", {"name": "state", "region": "fra1", "size_gigabytes": 1})["volume"]
    api.call("POST", "/tags", {"name": "node"})
    anywhere = ["0.0.0.0/0"]
    rules = [firewall("22", addresses=anywhere), firewall("8000", tags=["node"])]
    out = [{"protocol": one, "ports": "all", "destinations": {"addresses": anywhere}} for one in ("tcp", "udp", "icmp")]
    api.call("POST", "/firewalls", {"name": "edge", "tags": ["node"], "inbound_rules": rules, "outbound_rules": out})
    data = {
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": host_key.private, "ed25519_public": host_key.public},
        "package_update": True,
        "packages": ["docker.io"],
        "write_files": [
            {"path": "/etc/docker/daemon.json", "content": json.dumps({"log-opts": {"max-size": "10m"}})},
            *({"path": path, "content": content} for path, content in cloud_init.UNITS.items()),
        ],
        "runcmd": [cloud_init.START_GUARD, "hostname >/root/ran"],
    }
    body = {
        "region": "fra1",
        "size": "s-2vcpu-4gb",
        "image": "debian-12-x64",
        "vpc_uuid": vpc["id"],
        "ssh_keys": [key["id"]],
        "tags": ["node"],
        "user_data": "#cloud-config\n" + yaml.safe_dump(data),
    }
    made = [api.call("POST", "/droplets", body | {"name": name})["droplet"]["id"] for name in ("one", "two")]
    droplets = []
    for droplet in made:
        ask = partial(api.call, "GET", f"/droplets/{droplet}")
        found = until(ask, lambda answer: not answer["droplet"]["locked"], seconds=BOOT_SECONDS)["droplet"]
        assert found["status"] == "active", "the droplet could not be made; see the log"
        droplets.append(found)
    until_ended(api, f"/volumes/{volume['id']}/actions", {"type": "attach", "droplet_id": made[0]})
    public = [one["ip_address"] for found in droplets for one in found["networks"]["v4"] if one["type"] == "public"]
    hosts = [host_at(address, folder / address, identity=identity, host_key=host_key.public) for address in public]
    for host in hosts:
        host.wait(BOOT_SECONDS)
        # cloud-init ends with 2 where it has a warning to give.
        host.run("cloud-init status --wait --long || [ $? -eq 2 ]", timeout=BOOT_SECONDS)
    first, second = hosts
    return Pair(api, first, second, droplets)


def test_the_user_data_is_applied_by_cloud_init_and_docker_answers(pair: Pair) -> None:
    assert "done" in pair.first.run("cloud-init status")
    assert pair.first.run("hostname") == "one"
    assert pair.second.run("cat /root/ran") == "two"
    assert pair.first.run("docker info -f '{{.LoggingDriver}} {{.Driver}}'") == "json-file overlay2"
    assert "max-size" in pair.first.run("cat /etc/docker/daemon.json")


def test_hosts_reach_each_other_and_the_firewall_keeps_the_rest_out(pair: Pair) -> None:
    pair.first.run(
        "cd /tmp && (python3 -m http.server 8000 >/dev/null 2>&1 & python3 -m http.server 8001 >/dev/null 2>&1 &)"
    )
    fetch = "import urllib.request as r; print(r.urlopen('http://{}:{}', timeout=3).status)"
    private, public = pair.address(0, "private"), pair.address(0, "public")
    ask = f'for i in 1 2 3 4 5 6 7 8 9; do python3 -c "{fetch.format(private, 8000)}" && break; sleep 0.3; done'
    assert pair.second.run(ask) == "200"
    with pytest.raises(SshError, match="timed out"):
        pair.second.run(f'python3 -c "{fetch.format(private, 8001)}"')
    refused = subprocess.run(
        ["python3", "-c", fetch.format(public, 8000)], capture_output=True, text=True, check=False, timeout=30
    )
    assert "timed out" in refused.stderr


def test_a_volume_is_a_block_device_that_keeps_its_data_over_a_power_cycle(pair: Pair) -> None:
    pair.first.run(
        f"mkfs.ext4 -q {VOLUME} && mkdir -p /mnt/state && mount {VOLUME} /mnt/state && echo kept >/mnt/state/f"
    )
    assert pair.first.run("findmnt -n -o FSTYPE /mnt/state") == "ext4"
    pair.first.run("sync; umount /mnt/state")
    until_ended(pair.api, f"/droplets/{pair.droplets[0]['id']}/actions", {"type": "power_cycle"})
    pair.first.wait(BOOT_SECONDS)
    assert pair.first.run(f"mount {VOLUME} /mnt/state && cat /mnt/state/f && umount /mnt/state") == "kept"
    # Its first boot's work is not done again, and the filter stands.
    assert "CLOUD-IN" in pair.first.run("iptables -t mangle -S PREROUTING")
    # The metadata service was blocked before Docker started.
    assert_guarded(pair.first)
    moments = pair.first.run(
        "systemctl show --value --property=ExecMainExitTimestampMonotonic metadata-guard; "
        "systemctl show --value --property=ExecMainStartTimestampMonotonic docker"
    )
    guard, docker_start = map(int, moments.split())
    assert 0 < guard < docker_start


def test_the_metadata_service_is_blocked_after_the_first_boot(pair: Pair) -> None:
    assert_guarded(pair.second)


def assert_guarded(host: Ssh) -> None:
    assert host.run("iptables -w -t raw -S PREROUTING | grep -c 169.254.169.254/32") == "1"


def test_a_host_that_powers_itself_off_is_off_in_the_api(pair: Pair) -> None:
    droplet = f"/droplets/{pair.droplets[1]['id']}"
    with suppress(SshError):  # the connection may end first
        pair.second.run("systemctl poweroff")
    ask = partial(pair.api.call, "GET", droplet)
    until(ask, lambda answer: answer["droplet"]["status"] == "off", seconds=BOOT_SECONDS)
    until_ended(pair.api, f"{droplet}/actions", {"type": "power_on"})
    pair.second.wait(BOOT_SECONDS)


@pytest.fixture
def access(pair: Pair) -> Iterator[str]:
    """Keys for the program's own way to the first host, `one`; they are where ssh itself looks for them."""
    name = f"clickstream-test-{os.getpid()}"
    pinned = pair.first.known_hosts.read_text().split(" ", 1)[1]
    yield write_access(name, pair.first.identity.read_text(), {"one": pinned})
    shutil.rmtree(access_folder(name))


def not_ready(pair: Pair, access: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `up` says of a host that it can't get into, without all the patience."""
    monkeypatch.setattr(host_ready, "KEY_SECONDS", 0.2)
    monkeypatch.setattr(host_ready, "POLL_SECONDS", 0.1)
    provider = host_ready.HostReadyProvider()
    host = SshHost(address=pair.first.address, alias="one", access=access)
    droplet = {"name": "one", "host": host.url, "host_id": "1", "droplet_status": "active"}
    with pytest.raises(host_ready.NotReadyError) as caught:
        provider.create({**droplet, "timeout": 0})
    said = str(caught.value)
    assert said.startswith("one is not reachable after ")
    assert pair.first.address in said
    return said


def test_a_host_that_takes_the_deploy_key_is_ready(pair: Pair, access: str) -> None:
    host = SshHost(address=pair.first.address, alias="one", access=access)
    droplet = {"name": "one", "host": host.url, "host_id": "1", "droplet_status": "active"}
    made = host_ready.HostReadyProvider().create({**droplet, "timeout": BOOT_SECONDS})
    assert made.outs is not None
    assert made.outs["state"] == "ready"
    assert made.outs["docker_version"]


def test_a_host_that_refuses_the_deploy_key_is_told_with_where_to_look(
    pair: Pair, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_access(access, new_key().private, {})
    said = not_ready(pair, access, monkeypatch)
    assert "Permission denied" in said
    assert "the deploy key is not accepted; has cloud-init failed? See the droplet's console" in said


def test_a_host_with_another_key_than_the_one_made_for_it_is_not_talked_to(
    pair: Pair, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_access(access, pair.first.identity.read_text(), {"one": new_key().public})
    assert "unexpected host key (wrong host or man in the middle)" in not_ready(pair, access, monkeypatch)


def test_a_host_whose_ssh_is_stopped_or_closed_to_this_machine_is_told_with_the_key_to_set(
    pair: Pair, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.first.run(
        "systemctl stop ssh.socket ssh 2>&1 || true; "
        "systemd-run --on-active=3 --timer-property=AccuracySec=100ms systemctl start ssh"
    )
    assert "sshd is not listening yet" in not_ready(pair, access, monkeypatch)
    pair.first.wait(BOOT_SECONDS)
    (rules,) = pair.api.call("GET", "/firewalls")["firewalls"]
    path = f"/firewalls/{rules['id']}"
    body = {key: rules[key] for key in ("name", "tags", "inbound_rules", "outbound_rules")}
    pair.api.call("PUT", path, {**body, "inbound_rules": [firewall("22", addresses=["203.0.113.7"])]})
    try:
        said = not_ready(pair, access, monkeypatch)
    finally:
        pair.api.call("PUT", path, body)
    assert "no answer; is the droplet on, and this machine's address in clickstream:sshAllowedCidrs?" in said
    pair.first.wait(BOOT_SECONDS)


def test_the_registry_lets_readers_read_and_writers_write(pair: Pair) -> None:
    pair.api.call("POST", "/registry", {"name": "shop", "subscription_tier_slug": "basic"})
    login: dict[str, dict[str, str]] = {}
    server = ""
    for kind in ("true", "false"):
        ((server, entry),) = pair.api.call("GET", "/registry/docker-credentials", read_write=kind)["auths"].items()
        user, password = base64.b64decode(entry["auth"]).decode().split(":")
        login[kind] = {"username": user, "password": password}
    repository = f"{server}/shop/nothing"
    for kind, other, said in (("false", {}, "may not push to"), ("true", {"password": "wrong"}, "refuses the login")):
        given = {**login[kind], **other}
        refused = Login(server=f"{server}/shop", user=given["username"], password=given["password"])
        with pytest.raises(LoginRefusedError, match=said):
            check_push(refused, "nothing", advice="")
    writer = Login(server=f"{server}/shop", user=login["true"]["username"], password=login["true"]["password"])
    check_push(writer, "nothing", advice="")
    with closing(docker.from_env()) as engine:
        engine.api.import_image_from_data(b"\0" * 10240, repository=repository, tag="1")
        try:
            refused = engine.images.push(repository, "1", auth_config=login["false"])
            assert "errorDetail" in refused
            assert "HTTP status: 5" not in refused
            assert pair.api.call("GET", "/registries/shop/repositoriesV2")["repositories"] == []
            assert "digest: sha256:" in engine.images.push(repository, "1", auth_config=login["true"])
        finally:
            engine.images.remove(f"{repository}:1", force=True)
        with pytest.raises(APIError):
            engine.images.pull(repository, "1")
    listed = pair.api.call("GET", "/registries/shop/repositoriesV2")["repositories"]
    assert [one["name"] for one in listed] == ["nothing"]
    read = login["false"]
    pair.first.run(f"docker login -u {read['username']} --password-stdin {server}", stdin=read["password"])
    assert "Downloaded newer image" in pair.first.run(f"docker pull {repository}:1")


def test_a_destroyed_droplet_is_gone_with_its_host_and_frees_its_network(pair: Pair) -> None:
    for droplet in pair.droplets:
        pair.api.call("DELETE", f"/droplets/{droplet['id']}")
    for droplet in pair.droplets:
        ask = partial(pair.api.request, "GET", f"/droplets/{droplet['id']}")
        until(ask, lambda answer: answer.status_code == 404, seconds=BOOT_SECONDS)
    with pytest.raises(SshError):
        pair.first.run("true")
    pair.api.call("DELETE", f"/vpcs/{pair.droplets[0]['vpc_uuid']}")
