"""Whose things they are on the engine, and how to be rid of those whose owner is gone."""

import os
import re
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path

import docker
from docker.errors import APIError, NotFound

from tests.support.leaked_resources import LeakedResource

LABEL = "clickstream.simulator.digitalocean"
"""On every container, network and volume; its value is the process that made it."""

LOOPS = Path("/sys/block")


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks: with its number, a name that is never used again."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]


def owner() -> str:
    """This process."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def is_alive(name: str) -> bool:
    """Whether the process of an owner's name still runs."""
    pid, _, started = name.partition("-")
    try:
        return _started(int(pid)) == started
    except (OSError, ValueError):
        return False


def prefix(name: str) -> str:
    """Of the names of everything that an owner makes."""
    return f"dosim-{name}-"


def loops(name: str) -> list[str]:
    """Loop devices (/dev/loopN) behind which files of an owner lie, also deleted ones."""
    found = []
    for file in sorted(LOOPS.glob("loop*/loop/backing_file")):
        try:
            backing = file.read_text()
        except OSError:
            continue
        if prefix(name) in backing:
            found.append(f"/dev/{file.parent.parent.name}")
    return found


def dead_owners(engine: docker.DockerClient) -> set[str]:
    """Owners of things on the engine that no longer run."""
    filters = {"label": LABEL}
    # Other simulators remove their containers meanwhile.
    containers = engine.containers.list(all=True, filters=filters, ignore_removed=True)
    named = {str(container.labels[LABEL]) for container in containers}
    named |= {str((network.attrs or {})["Labels"][LABEL]) for network in engine.networks.list(filters=filters)}
    named |= {str((volume.attrs or {})["Labels"][LABEL]) for volume in engine.volumes.list(filters=filters)}
    for file in LOOPS.glob("loop*/loop/backing_file"):
        named |= set(re.findall(prefix(r"(\d+-\d+)"), file.read_text()))
    return {name for name in named if not is_alive(name)}


def _things(engine: docker.DockerClient, name: str) -> Iterator[LeakedResource]:
    """In an order in which they can be removed."""
    filters = {"label": f"{LABEL}={name}"}
    for container in engine.containers.list(all=True, filters=filters, ignore_removed=True):
        yield LeakedResource("container", str(container.name), partial(container.remove, force=True, v=True))
    for network in engine.networks.list(filters=filters):
        yield LeakedResource("network", str(network.name), network.remove)
    for volume in engine.volumes.list(filters=filters):
        yield LeakedResource("volume", volume.name, partial(volume.remove, force=True))


def leaked_resources(engine: docker.DockerClient, name: str) -> list[str]:
    """Everything of an owner that is still there."""
    return [str(thing) for thing in _things(engine, name)] + [f"device {device}" for device in loops(name)]


def remove(engine: docker.DockerClient, name: str, image: str) -> None:
    """Everything of an owner: hosts, then the devices that they used, then networks and volumes.

    `image` is that of the services; it has the tools.
    """
    things = list(_things(engine, name))
    for thing in things:
        if thing.kind == "container":
            _remove(thing)
    if devices := loops(name):
        release(engine, image, devices)
    for thing in things:
        if thing.kind != "container":
            _remove(thing)


def _remove(thing: LeakedResource) -> None:
    """What somebody else takes away at the same time is not an error."""
    try:
        thing.remove()
    except NotFound:
        return
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT or thing.kind != "container":
            raise


def release(engine: docker.DockerClient, image: str, devices: list[str]) -> None:
    """Detaches loop devices, from inside a container: the engine may do what this process may not."""
    engine.containers.run(
        image,
        ["-d", *devices],
        entrypoint="losetup",
        remove=True,
        network_mode="none",
        cap_add=["SYS_ADMIN"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        device_cgroup_rules=["b 7:* rwm"],
        volumes={"/dev": {"bind": "/dev", "mode": "rw"}},
    )
