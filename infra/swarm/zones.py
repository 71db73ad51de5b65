"""Which services share a network, derived from what each service talks to. Without Pulumi."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from infra.swarm.spec import ServiceSpec

PUBLIC = "public"
"""The network of the service that publishes ports. It and `outside` networks are the only ones with a way out."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A network and the services in it. They reach each other on every port, since a network filters nothing.

    `internal`: no way out, to the host, the internet or a cloud's metadata service.
    """

    name: str
    members: tuple[str, ...]
    internal: bool = True


def zones(specs: Iterable[ServiceSpec]) -> tuple[Zone, ...]:
    """One network for each pair of groups that talk, and one within each group of several services.

    So what two services share with a third does not let them reach each other.

    Raises:
        ValueError: if a service talks to one that does not exist.
    """
    specs = tuple(specs)
    groups: dict[str, list[str]] = defaultdict(list)
    for spec in specs:
        groups[spec.group].append(spec.name)
    targets = {**{spec.name: [spec.name] for spec in specs}, **groups}
    group_of = {spec.name: spec.group for spec in specs}

    members: dict[str, set[str]] = {group: set(names) for group, names in groups.items() if len(names) > 1}
    outside: dict[str, set[str]] = {}
    for spec in specs:
        for target in spec.talks_to:
            if target not in targets:
                message = (
                    f"service {spec.name} talks to {target}, which is neither a service nor a group; there are "
                    f"{', '.join(sorted(targets))}"
                )
                raise ValueError(message)
            if group_of.get(target, target) != spec.group:
                members.setdefault(f"{spec.group}-{target}", set()).update((spec.name, *targets[target]))
        if spec.ports:
            outside.setdefault(PUBLIC, set()).add(spec.name)
        elif spec.outbound:
            outside[f"{spec.name}-outside"] = {spec.name}
    return tuple(
        Zone(name=name, members=tuple(sorted(found[name])), internal=found is members)
        for found in (members, outside)
        for name in sorted(found)
    )


def reachable(all_zones: Iterable[Zone], service: str) -> frozenset[str]:
    """The other services that a service shares a network with."""
    return frozenset(name for zone in all_zones if service in zone.members for name in zone.members) - {service}
