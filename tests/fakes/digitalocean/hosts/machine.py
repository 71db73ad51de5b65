"""One host: a container that is given everything that a machine has."""

import shlex
from collections.abc import Sequence
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from tests.fakes.digitalocean.backend import DropletRules
from tests.fakes.digitalocean.hosts import packet_filter
from tests.fakes.digitalocean.hosts.ownership import LABEL, prefix
from tests.fakes.digitalocean.hosts.seed import first_boot
from tests.fakes.digitalocean.hosts.services import Services, run
from tests.fakes.digitalocean.models import Droplet, Volume

SHUTDOWN_SECONDS = 20
BY_ID = "/dev/disk/by-id"


def name_of(owner: str, droplet: Droplet) -> str:
    """Of its container, and of the volume with its engine's data."""
    return f"{prefix(owner)}{droplet.id}"


def find(engine: docker.DockerClient, owner: str, droplet: Droplet) -> Container | None:
    """The host, running or not."""
    try:
        return engine.containers.get(name_of(owner, droplet))
    except NotFound:
        return None


def _host_config(api: Any, name: str) -> dict[str, Any]:
    """Everything but resource limits: those a size has would only make tests fail on small machines."""
    config: dict[str, Any] = api.create_host_config(
        # Not `privileged`: that also wants what a container's own engine may not have.
        cap_add=["ALL"],
        cap_drop=["SYS_RESOURCE"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        device_cgroup_rules=["a *:* rwm"],
        binds={name: {"bind": "/var/lib/docker", "mode": "rw"}},
        tmpfs={"/run": "exec,mode=755", "/run/lock": "", "/tmp": "exec,mode=1777"},  # noqa: S108  # the host's own
    )
    return config | {"CgroupnsMode": "private", "MaskedPaths": [], "ReadonlyPaths": []}


def create(
    engine: docker.DockerClient, owner: str, image: str, droplet: Droplet, networks: dict[str, str], services: Services
) -> Container:
    """Boots it. `networks`: name to the droplet's address there, the public one first."""
    name, labels = name_of(owner, droplet), {LABEL: owner}
    api: Any = engine.api
    engine.volumes.create(name, labels=labels)
    first, *others = networks.items()
    endpoint = api.create_endpoint_config(ipv4_address=first[1])
    made = api.create_container(
        image,
        name=name,
        hostname=droplet.name,
        labels=labels,
        host_config=_host_config(api, name),
        networking_config=api.create_networking_config({first[0]: endpoint}),
    )
    container = engine.containers.get(made["Id"])
    for network, address in others:
        engine.networks.get(network).connect(container, ipv4_address=address)
    seed = first_boot(droplet, port=services.port, registry=f"{services.address}:5000")
    container.put_archive("/", seed)
    container.start()
    return container


def power(container: Container, action: str) -> None:
    """A pulled plug for power_off and power_cycle, a polite request for the others."""
    if action in ("power_off", "power_cycle"):
        container.kill()
    elif action in ("shutdown", "reboot"):
        container.stop(timeout=SHUTDOWN_SECONDS)
    if action in ("power_on", "power_cycle", "reboot"):
        container.start()


def destroy(engine: docker.DockerClient, owner: str, droplet: Droplet) -> None:
    """With its disk."""
    container = find(engine, owner, droplet)
    if container:
        container.remove(force=True, v=True)
    try:
        engine.volumes.get(name_of(owner, droplet)).remove(force=True)
    except NotFound:
        return


def plug(container: Container, services: Services, volumes: Sequence[Volume]) -> None:
    """Block devices under DigitalOcean's names. What the host's fstab mounts is mounted, as at a boot."""
    for volume in volumes:
        major, minor = services.connect(volume)
        link = shlex.quote(f"{BY_ID}/scsi-0DO_Volume_{volume.name}")
        device = f"/dev/vol-{volume.id[:8]}"
        run(container, f"mkdir -p {BY_ID}; rm -f {device}; mknod {device} b {major} {minor}; ln -sfn {device} {link}")
    if volumes:
        run(container, "mount -a 2>/dev/null || true")


def unplug(container: Container, services: Services, volume: Volume) -> None:
    """Gone from the host; what was mounted of it is unmounted first, if nobody uses it."""
    device = f"/dev/vol-{volume.id[:8]}"
    link = shlex.quote(f"{BY_ID}/scsi-0DO_Volume_{volume.name}")
    run(container, f"umount --all-targets {device} 2>/dev/null || true; rm -f {device} {link}")
    services.disconnect(volume)


def filter_packets(container: Container, rules: DropletRules) -> None:
    """In force from the next packet; connections that exist go on, as on DigitalOcean."""
    text = packet_filter.restore(rules)
    run(container, f"printf '%s' \"$RULES\" | iptables-restore -w --noflush; {packet_filter.HOOKS}", RULES=text)


def add_address(container: Container, address: str, beside: str, length: int) -> None:
    """On the interface of another address; neighbours are told."""
    find_device = f"dev=$(ip -o -4 address show to {beside} | awk '{{print $2}}')"
    add = f"ip address replace {address}/{length} dev $dev"
    tell = f"arping -q -c 2 -w 1 -U -I $dev {address} || true"
    run(container, f"{find_device}; {add}; {tell}")


def remove_address(container: Container, address: str, length: int) -> None:
    """If it is there."""
    find_device = f"dev=$(ip -o -4 address show to {address} | awk '{{print $2}}')"
    run(container, f'{find_device}; [ -z "$dev" ] || ip address del {address}/{length} dev $dev')
