"""What a container may do: seen in the running container, not in what was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.security.running import inside

if TYPE_CHECKING:
    from docker.models.containers import Container

    from infra.swarm.spec import ServiceSpec

LOOK = r"""
for status in /proc/[0-9]*/status; do
  grep -HE '^(Name|Pid|PPid|Uid|CapEff|CapBnd|NoNewPrivs):' "$status" 2>/dev/null
done
echo MOUNTS
while read -r _ target type options _; do echo "$type $options $target"; done </proc/mounts
echo SECRETS
[[ ! -d /run/secrets ]] || stat -c '%a %u %n' /run/secrets/*
echo WRITABLE
for folder in / /bin /etc /usr /usr/lib /opt /app /home /root /var /run; do [[ -w $folder ]] && echo "$folder"; done
true
"""
KERNELS = ("/dev", "/proc", "/sys")
"""Docker's own mounts: devices and masked files of the kernel. A task's process is confined in them as in any image."""
SMALL_FILES = {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}
"""Docker's own, of root and so not writable for the task's user."""


@dataclass
class Hardening:
    """Of one service."""

    service: str
    user: set[int] = field(default_factory=set)
    capabilities: bool = False
    read_only: bool = False
    no_new_privileges: bool = False
    secrets: int = 0
    writable: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look(spec: ServiceSpec, container: Container) -> Hardening:
    """Read the state of every process that the task started, of every mount and of every secret."""
    status, _, rest = inside(container, LOOK).partition("MOUNTS\n")
    mounts, _, rest = rest.partition("SECRETS\n")
    secrets, _, folders = rest.partition("WRITABLE\n")
    found = Hardening(spec.name)
    _processes(found, spec, status)
    _mounts(found, spec, mounts)
    for line in secrets.splitlines():
        found.secrets += 1
        mode, owner, name = line.split(maxsplit=2)
        if (mode, owner) != ("400", str(spec.source.uid)):
            found.problems.append(f"{spec.name}: {name} has mode {mode} and owner {owner}")
    if found.secrets != len(spec.secrets):
        found.problems.append(f"{spec.name}: {found.secrets} secrets instead of {len(spec.secrets)}")
    if unexpected := set(folders.split()) - set(found.writable):
        found.problems.append(f"{spec.name} can write to {', '.join(sorted(unexpected))}")
    if not container.attrs["HostConfig"]["Memory"]:
        found.problems.append(f"{spec.name} has no memory limit")
    return found


def _processes(found: Hardening, spec: ServiceSpec, text: str) -> None:
    processes: dict[int, dict[str, str]] = {}
    for number, key, value in re.findall(r"^/proc/(\d+)/status:(\w+):\s*(.*)$", text, re.MULTILINE):
        processes.setdefault(int(number), {})[key] = value

    def of_the_task(pid: int) -> bool:
        parent = int(processes.get(pid, {}).get("PPid", 0))
        return parent == 1 or (parent > 1 and of_the_task(parent))

    # Process 1 is Docker's init; what `docker exec` and health checks start is not the task's.
    own = {pid: process for pid, process in processes.items() if of_the_task(pid)}
    found.user = {int(process["Uid"].split()[0]) for process in own.values()}
    found.no_new_privileges = bool(own) and all(process["NoNewPrivs"] == "1" for process in own.values())
    everyone = [processes[1], *own.values()]
    found.capabilities = any(int(process[key], 16) for process in everyone for key in ("CapEff", "CapBnd"))
    if found.user != {spec.source.uid}:
        found.problems.append(f"{spec.name} runs as {sorted(found.user)} instead of {spec.source.uid}")
    if found.capabilities:
        found.problems.append(f"{spec.name} has capabilities")
    if not found.no_new_privileges:
        found.problems.append(f"{spec.name} may gain privileges")


def _mounts(found: Hardening, spec: ServiceSpec, text: str) -> None:
    allowed = {*(mount.path for mount in spec.volumes), *spec.scratch, "/tmp"}  # noqa: S108  # a mount of its own
    for line in text.splitlines():
        _, options, target = line.split(maxsplit=2)
        writable = "rw" in options.split(",")
        if target == "/":
            found.read_only = not writable
        elif writable and not target.startswith(KERNELS) and target not in SMALL_FILES:
            found.writable.append(target)
    if not found.read_only:
        found.problems.append(f"{spec.name}: the root file system is writable")
    if unexpected := set(found.writable) - allowed - {f"/run/secrets/{name}" for name in spec.secrets}:
        found.problems.append(f"{spec.name}: writable mounts at {', '.join(sorted(unexpected))}")
