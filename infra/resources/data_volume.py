"""A block device on a host: mounted, with a folder for each volume, and a label that brings its services there.

The label comes last and goes first: tasks start only where their data is, and the swarm takes them away before the
device is taken off.
"""

import shlex
from dataclasses import dataclass
from typing import Any

import pulumi
from docker.errors import APIError
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra.resources.clients import swarm_nodes
from infra.resources.clients.ssh import CommandError, SshError, SshHost
from infra.resources.clients.swarm import EngineUnreachableError
from infra.resources.clients.waiting import Deadline

READY = "ready"
RELEASE_SECONDS = 120.0
COMPARED = ("folders", "gibibytes", "node_id", "label")
REPLACED = ("attachment", "device", "mount")

MOUNT = """
set -e
device={device} mount={mount}
for _ in $(seq 60); do [ -e "$device" ] && break; sleep 1; done
[ -e "$device" ] || {{ echo "$device did not appear: is the volume attached?"; exit 1; }}
mkdir -p "$mount"
if ! mountpoint -q "$mount"; then
  [ -n "$(blkid -o value -s TYPE "$device")" ] || mkfs.ext4 -q -m 0 "$device"
  sed -i "\\\\# $mount #d" /etc/fstab
  echo "$device $mount ext4 defaults,noatime,nofail,discard,x-systemd.before=docker.service 0 2" >>/etc/fstab
  mount "$mount"
fi
resize2fs "$device"
mkdir -p {folders}
"""
"""A device that was formatted is used as it is; only an empty one is formatted."""

UNMOUNT = """
mount={mount}
sed -i "\\\\# $mount #d" /etc/fstab
if mountpoint -q "$mount"; then sync; umount "$mount"; fi
"""
PRESENT = "mountpoint -q {mount} && for folder in {folders}; do [ -d $folder ] || exit 1; done"


class DataVolumeError(Exception):
    """The device can't be used or let go; the text says why."""


class DataVolumeProvider(ResourceProvider):
    """State: the inputs, and `state`: `ready`, or what was seen instead."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Mount it, then let its services come."""
        return CreateResult(str(props["label"]), self._mounted(props))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """More folders, a device that has grown, a node that has joined anew."""
        del olds
        return UpdateResult(self._mounted(news))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """On another host it is taken off the one before it first."""
        replaces = [key for key in REPLACED if olds.get(key) != news.get(key)]
        changed = any(olds.get(key) != news.get(key) for key in COMPARED) or olds.get("state") != READY
        return DiffResult(changes=bool(replaces) or changed, replaces=replaces, delete_before_replace=True)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether it is mounted with all its folders."""
        script = PRESENT.format(mount=shlex.quote(str(props["mount"])), folders=_folders(props))
        try:
            SshHost.parse(str(props["host"])).run(script, timeout=20)
            state = READY
        except CommandError:
            state = f"{props['mount']} is not mounted"
        except SshError as error:
            state = str(error)
        return ReadResult(id_, {**props, "state": state})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Send its services away, wait until they are gone, take it off. A host that is gone needs nothing."""
        try:
            swarm_nodes.set_labels(str(props["manager"]), str(props["node_id"]), {str(props["label"]): None})
            host = SshHost.parse(str(props["host"]))
            script = UNMOUNT.format(mount=shlex.quote(str(props["mount"])))
            deadline = Deadline(RELEASE_SECONDS, pause=2)
            while True:
                try:
                    host.run(script)
                except CommandError as error:
                    if not deadline.wait():
                        message = f"the volume is still in use {RELEASE_SECONDS:.0f} s after its services left: {error}"
                        raise DataVolumeError(message) from None
                else:
                    return
        except (SshError, EngineUnreachableError) as error:
            print(f"{props['label']}: its host is gone, the volume is free ({error})", flush=True)  # noqa: T201
        except APIError as error:
            print(f"{props['label']}: its node is gone, the volume is free ({error})", flush=True)  # noqa: T201

    @staticmethod
    def _mounted(props: dict[str, Any]) -> dict[str, Any]:
        device, mount = shlex.quote(str(props["device"])), shlex.quote(str(props["mount"]))
        script = MOUNT.format(device=device, mount=mount, folders=_folders(props))
        try:
            SshHost.parse(str(props["host"])).run(script, timeout=300)
        except CommandError as error:
            message = f"{props['device']} can not be mounted at {props['mount']} on {error}"
            raise DataVolumeError(message) from None
        swarm_nodes.set_labels(str(props["manager"]), str(props["node_id"]), {str(props["label"]): "true"})
        return {**props, "state": READY}


def _folders(props: dict[str, Any]) -> str:
    return " ".join(shlex.quote(f"{props['mount']}/{folder}") for folder in props["folders"])


@dataclass(frozen=True, kw_only=True)
class DataVolumeArgs:
    """`device` is mounted at `mount` on `host`; `attachment` names the host that it is attached to.

    `host` and `manager` are ssh URLs; `label` brings the services whose volumes are in `folders`.
    """

    host: pulumi.Input[str]
    manager: pulumi.Input[str]
    node_id: pulumi.Input[str]
    attachment: pulumi.Input[str]
    device: str
    mount: str
    folders: list[str]
    gibibytes: int
    label: str


class DataVolume(Resource, module="hosts", name="DataVolume"):
    """The mounted device."""

    def __init__(self, name: str, args: DataVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(DataVolumeProvider(), name, {**vars(args), "state": None}, opts)
