"""What answers from inside every container, compared with what the services' specs say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from infra.swarm.zones import PUBLIC, Zone, reachable
from tests.security.running import addresses, inside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docker.models.containers import Container

LISTENING = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null"
LISTEN_STATE = "0A"
LOOPBACK = ("0100007F", "0B00007F", "00000000000000000000000001000000")
"""As the kernel writes 127.0.0.1, 127.0.0.11 (Docker's resolver) and ::1."""
SHOWN = 8

CONNECT = """
ask() {{ timeout 2 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null && echo "$1 $2"; }}
while read -r host port; do
  ask "$host" "$port" &
  (( ++begun % 24 )) || wait
done <<'TARGETS'
{targets}
TARGETS
wait
"""
ROUTES = r"""
while read -r _ destination _; do [[ $destination == 00000000 ]] && echo way-out; done </proc/net/route
true
"""
# Docker's resolver asks the host's for a name that it does not know, which may take long to fail.
NAMES = "for name in {names}; do (timeout 3 getent hosts $name >/dev/null && echo $name) & done; wait; true"


@dataclass
class Reach:
    """From one service."""

    service: str
    answers: dict[str, set[int]] = field(default_factory=dict)
    """Ports that answer, by service."""
    names: set[str] = field(default_factory=set)
    """Services whose names are known here."""
    way_out: bool = False
    problems: list[str] = field(default_factory=list)


def listening_ports(container: Container) -> set[int]:
    """TCP ports open to other containers. Only bash and cat are in every image."""
    ports = set()
    for line in inside(container, LISTENING).splitlines():
        words = line.split()
        if len(words) > SHOWN and words[3] == LISTEN_STATE:
            address, _, port = words[1].partition(":")
            if address not in LOOPBACK:
                ports.add(int(port, 16))
    return ports


def measure(running: Mapping[str, Container], zones: Sequence[Zone]) -> list[Reach]:
    """Ask every port of every container from inside every other one, at all its addresses."""
    ports = {name: listening_ports(container) for name, container in running.items()}
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda name: _from(name, running, ports, zones), running))


def _from(name: str, running: Mapping[str, Container], ports: Mapping[str, set[int]], zones: Sequence[Zone]) -> Reach:
    own = addresses(running[name])
    targets: dict[tuple[str, int], str] = {}
    controls: dict[tuple[str, int], tuple[str, int]] = {}
    for other, container in running.items():
        for network, address in addresses(container).items() if other != name else ():
            for port in ports[other]:
                targets[address, port] = other
                if network not in own:
                    controls[address, port] = (_unused(address), port)
    lines = "\n".join(f"{address} {port}" for address, port in {*targets, *controls.values()})
    answering = {
        (address, int(port))
        for address, port in map(str.split, inside(running[name], CONNECT.format(targets=lines)).splitlines())
    }
    reach = Reach(name)
    for target in answering & targets.keys():
        # The network around a machine may accept connections to any private address. Then that is what answered.
        if controls.get(target) not in answering:
            reach.answers.setdefault(targets[target], set()).add(target[1])
    others = [other for other in running if other != name]
    reach.names = set(inside(running[name], NAMES.format(names=" ".join(others))).split())
    reach.way_out = "way-out" in inside(running[name], ROUTES)
    _compare(reach, ports, zones)
    return reach


def _unused(address: str) -> str:
    """An address in the same network that no container has: the engine gives out the first ones."""
    return str(IPv4Network(f"{address}/24", strict=False)[254])


def _compare(reach: Reach, ports: Mapping[str, set[int]], zones: Sequence[Zone]) -> None:
    allowed = reachable(zones, reach.service)
    for other, answering in reach.answers.items():
        if other not in allowed:
            reach.problems.append(f"{reach.service} reaches {other} at {sorted(answering)}, and must not")
    for other in sorted(allowed & ports.keys()):
        if closed := ports[other] - reach.answers.get(other, set()):
            reach.problems.append(f"{reach.service} does not reach {other} at {sorted(closed)}")
    if unexpected := reach.names - allowed:
        reach.problems.append(f"{reach.service} knows the names of {', '.join(sorted(unexpected))}")
    may_leave = any(reach.service in zone.members and not zone.internal for zone in zones)
    if reach.way_out != may_leave:
        has = "has a" if reach.way_out else "has no"
        reach.problems.append(f"{reach.service} {has} route out of the stack, against its spec")


def published(running: Mapping[str, Container], zones: Sequence[Zone], expected: set[int]) -> list[str]:
    """Problems with the ports that containers publish on the host: only the public service's, and only `expected`."""
    public = {name for zone in zones if zone.name == PUBLIC for name in zone.members}
    problems = []
    for name, container in running.items():
        bindings = container.attrs["NetworkSettings"]["Ports"].values()
        found = {int(binding["HostPort"]) for bound in bindings for binding in bound or ()}
        wanted = expected if name in public else set()
        if found != wanted:
            problems.append(f"{name} publishes the ports {sorted(found)} instead of {sorted(wanted)}")
    return problems
