"""The cloud's own machine: the registry and the disks of volumes."""

import base64
import hashlib
import json
import os
import shlex
from collections.abc import Iterable
from typing import Any

import docker
from docker.models.containers import Container

from tests.fakes.digitalocean.backend import BackendError, RegistryLimits
from tests.fakes.digitalocean.hosts.ownership import LABEL, prefix
from tests.fakes.digitalocean.hosts.seed import archive
from tests.fakes.digitalocean.models import Credential, Volume
from tests.support.container_exec import execute

PORT = 5000
DISKS = "/disks"
GIB = 1024**3


def run(container: Container, command: str, **environment: str) -> str:
    """A shell command in a container; its output.

    Raises:
        BackendError: with the output, if it fails.
    """
    code, output = execute(container, ["sh", "-ec", command], **environment)
    text = output.decode(errors="replace")
    if code:
        message = f"{container.name}: `{command}` ended with {code}: {text.strip()[-500:]}"
        raise BackendError(message)
    return text


def _login(credential: Credential) -> str:
    """A line of an htpasswd file."""
    salt = os.urandom(8)
    digest = hashlib.sha1(credential.password.encode() + salt, usedforsecurity=False).digest()
    return f"{credential.user}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


class Services:
    """One container; `address` is where hosts reach the registry, `port` where this machine does, on 127.0.0.1."""

    def __init__(self, engine: docker.DockerClient, owner: str, image: str, network: str, address: str) -> None:
        """Starts it."""
        self.address, self._owner = address, owner
        name = f"{prefix(owner)}services"
        labels = {LABEL: owner}
        disks = engine.volumes.create(f"{prefix(owner)}disks", labels=labels)
        self._container = engine.containers.create(
            image,
            name=name,
            labels=labels,
            cap_add=["SYS_ADMIN"],
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            device_cgroup_rules=["b 7:* rwm", "c 10:237 rwm"],
            volumes={"/dev": {"bind": "/dev", "mode": "rw"}, disks.name: {"bind": DISKS, "mode": "rw"}},
            ports={f"{PORT}/tcp": ("127.0.0.1", 0)},  # any free one
        )
        engine.networks.get(network).connect(self._container, ipv4_address=address)
        self._container.start()
        self._container.reload()
        published: dict[str, Any] = self._container.attrs["NetworkSettings"]["Ports"]
        self.port = int(published[f"{PORT}/tcp"][0]["HostPort"])

    # The registry

    def set_logins(self, credentials: Iterable[Credential]) -> None:
        """Who may read, and who may write. In force at once."""
        known = list(credentials)
        read = "".join(_login(credential) for credential in known)
        write = "".join(_login(credential) for credential in known if credential.read_write)
        # The server's workers read them again for every request, as a user of their own.
        self._container.put_archive("/logins", archive({"read": read, "write": write}))
        run(self._container, "chown nobody /logins/read /logins/write")

    def set_limits(self, limits: RegistryLimits) -> None:
        """What may be pushed. In force at once."""
        text = json.dumps({"repositories": limits.repositories, "storage_bytes": limits.storage_bytes})
        self._container.put_archive("/logins", archive({"limits": text}))

    def forget_images(self) -> None:
        """Everything that was pushed."""
        run(self._container, "rm -rf /registry/*")

    def repositories(self) -> dict[str, list[str]]:
        """Tags by repository."""
        root = "/registry/docker/registry/v2/repositories"
        listed = run(self._container, f"find {root} -path '*/_manifests/tags/*' -prune -print 2>/dev/null || true")
        found: dict[str, list[str]] = {}
        for line in listed.split():
            name, _, tag = line.removeprefix(f"{root}/").partition("/_manifests/tags/")
            found.setdefault(name, []).append(tag)
        return found

    def registry_bytes(self) -> int:
        """Of layers, configurations and manifests."""
        return int(run(self._container, "du -sb /registry").split()[0])

    # Disks

    def _file(self, volume: Volume) -> str:
        # The owner's name is in it, so that the device can be found when everything else is gone.
        return f"{DISKS}/{prefix(self._owner)}{volume.id}.img"

    def create_disk(self, volume: Volume) -> None:
        """A sparse file of the volume's size, formatted if it says so."""
        file = self._file(volume)
        command = f"truncate -s {volume.size_gigabytes * GIB} {file}"
        if volume.filesystem_type:
            label = shlex.quote(volume.filesystem_label)
            command += f" && mkfs.{volume.filesystem_type} -q -L {label} {file}"
        run(self._container, command)

    def resize_disk(self, volume: Volume) -> None:
        """The device grows with the file."""
        file = self._file(volume)
        command = (
            f"truncate -s {volume.size_gigabytes * GIB} {file}; losetup -j {file} -O NAME -n | xargs -r losetup -c"
        )
        run(self._container, command)

    def delete_disk(self, volume: Volume) -> None:
        """With its data."""
        self.disconnect(volume)
        run(self._container, f"rm -f {self._file(volume)}")

    def connect(self, volume: Volume) -> tuple[int, int]:
        """A block device for the disk: its major and minor number."""
        file = self._file(volume)
        shown = run(
            self._container,
            f"losetup -j {file} -O NAME -n | grep . || losetup --find --show {file}",
        )
        device = shown.split()[0]
        major, minor = run(self._container, f"stat -c '%t %T' {device}").split()
        return int(major, 16), int(minor, 16)

    def disconnect(self, volume: Volume) -> None:
        """One that is still mounted goes when it is unmounted."""
        run(self._container, f"losetup -j {self._file(volume)} -O NAME -n | xargs -r losetup -d")
