"""A mounted block device with a folder for each volume, and a node label that places its services on the host.

The label is set last and removed first: tasks start only where their data is, and the swarm moves them away before the
device is unmounted.
"""

import shlex
from dataclasses import dataclass

import pulumi
from docker.errors import APIError
from typing_extensions import override

from infra.resources.common.provider import READY, ManagedResource, Observed, Provider, State
from infra.resources.common.retry import Deadline
from infra.resources.common.ssh import CommandError, SshError, SshHost
from infra.resources.docker import nodes as swarm_nodes
from infra.resources.docker.client import EngineUnreachableError

RELEASE_SECONDS = 120.0

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
"""Only an empty device is formatted."""

UNMOUNT = """
mount={mount}
sed -i "\\\\# $mount #d" /etc/fstab
if mountpoint -q "$mount"; then sync; umount "$mount"; fi
"""
PRESENT = "mountpoint -q {mount} && for folder in {folders}; do [ -d $folder ] || exit 1; done"


class DataVolumeError(Exception):
    """The device can't be mounted or released; the message says why."""


@dataclass(frozen=True, kw_only=True)
class DataVolumeInputs:
    """See DataVolumeArgs."""

    host: str
    manager: str
    node_id: str
    attachment: str
    device: str
    mount: str
    folders: list[str]
    gibibytes: int
    label: str

    @property
    def quoted_folders(self) -> str:
        """Paths of the folders for a shell script."""
        return " ".join(shlex.quote(f"{self.mount}/{folder}") for folder in self.folders)


class DataVolumeProvider(Provider[DataVolumeInputs]):
    """A device that moves is first unmounted on its old host. `state` is READY, or what was observed instead."""

    outputs = ("state",)
    replace_on = ("attachment", "device", "mount")
    not_compared = ("host", "manager")
    delete_before_replace = True

    @override
    def create_resource(self, inputs: DataVolumeInputs) -> tuple[str, State]:
        """Mount it, then set the label. Also handles new folders, a larger device and a new node."""
        device, mount = shlex.quote(inputs.device), shlex.quote(inputs.mount)
        script = MOUNT.format(device=device, mount=mount, folders=inputs.quoted_folders)
        try:
            SshHost.parse(inputs.host).run(script, timeout=300)
        except CommandError as error:
            message = f"{inputs.device} cannot be mounted at {inputs.mount} on {error}"
            raise DataVolumeError(message) from None
        swarm_nodes.set_labels(inputs.manager, inputs.node_id, {inputs.label: "true"})
        return inputs.label, {"state": READY}

    @override
    def observe(self, id_: str, inputs: DataVolumeInputs, state: State) -> Observed[DataVolumeInputs]:
        """Whether it is mounted with all its folders."""
        script = PRESENT.format(mount=shlex.quote(inputs.mount), folders=inputs.quoted_folders)
        try:
            SshHost.parse(inputs.host).run(script, timeout=20)
        except CommandError:
            return Observed(outputs={"state": f"{inputs.mount} is not mounted"})
        except SshError as error:
            return Observed(outputs={"state": str(error)})
        return Observed(outputs={"state": READY})

    @override
    def delete_resource(self, id_: str, inputs: DataVolumeInputs, state: State) -> None:
        """Remove the label, wait until its services have stopped, and unmount it. A lost host needs nothing."""
        try:
            swarm_nodes.set_labels(inputs.manager, inputs.node_id, {inputs.label: None})
            host = SshHost.parse(inputs.host)
            script = UNMOUNT.format(mount=shlex.quote(inputs.mount))
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
            print(f"{inputs.label}: its host no longer exists, so the volume is free ({error})", flush=True)  # noqa: T201
        except APIError as error:
            print(f"{inputs.label}: its node no longer exists, so the volume is free ({error})", flush=True)  # noqa: T201


@dataclass(frozen=True, kw_only=True)
class DataVolumeArgs:
    """`device` is mounted at `mount` on `host`; a new `attachment` means that it moved to another host.

    `host` and `manager` are SSH URLs. `label` places the services whose volumes are in `folders`.
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


class DataVolume(ManagedResource, module="hosts", name="DataVolume"):
    """The mounted device."""

    def __init__(self, name: str, args: DataVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(DataVolumeProvider(), name, args, opts)
