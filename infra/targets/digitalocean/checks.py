"""Preflight checks against the DigitalOcean account. They run at preview, before any change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.config.digitalocean import DigitalOceanConfig
from infra.resources.common.suggest import suggest
from infra.resources.digitalocean.client import Account, LiveDroplet, LiveVolume, Region, Size
from infra.swarm.spec import WORK, ServiceSpec
from infra.targets.digitalocean.plan import Plan, label
from infra.targets.digitalocean.registry_checks import AccountRegistries

SYSTEM_MIB = 512
"""Memory reserved for the host itself: the Docker engine, kernel buffers and the like."""

NOMINAL = 0.97
"""Fraction of a size's nominal memory that a droplet's kernel and firmware leave."""


@dataclass(frozen=True, kw_only=True)
class AccountState:
    """What DigitalOcean reported at preview."""

    account: Account
    sizes: Mapping[str, Size]
    regions: Mapping[str, Region]
    droplets: Sequence[LiveDroplet]
    volumes: Sequence[LiveVolume]
    registries: AccountRegistries | None = None
    """None if images go to another registry."""

    def unstarted(self, stack: str, plan: Plan) -> frozenset[str]:
        """Planned hosts whose droplet was created but never started, so that no data can be lost."""
        new = {droplet.name for droplet in self.droplets if droplet.status == "new"}
        return frozenset(host.name for host in plan.hosts if f"{stack}-{host.name}" in new)


def duplicate_droplets(state: AccountState) -> list[str]:
    """A warning for each name that several of the stack's droplets share. Pulumi's state contains only one of them.

    This is no error, since an interrupted replacement looks the same and the next `up` completes it.
    """
    ids: dict[str, list[str]] = {}
    for droplet in state.droplets:
        ids.setdefault(droplet.name, []).append(str(droplet.id))
    return [
        f"{len(found)} droplets are named {name} (ids {', '.join(found)}), and you pay for each. Either a response "
        "from DigitalOcean was lost and another droplet was requested, or a replacement was interrupted, which `up` "
        "completes. `pulumi stack --show-ids` shows which one is the stack's; if the other is still there after `up`: "
        "`doctl compute droplet delete <id>`"
        for name, found in sorted(ids.items())
        if len(found) > 1
    ]


def cloud_issues(stack: str, config: DigitalOceanConfig, plan: Plan, state: AccountState) -> list[str]:
    """Every conflict between the plan and the account, each with the setting to change."""
    return [
        f"clickstream:{issue}"
        for issue in (
            *_place_issues(config, plan, state),
            *_quota_issues(stack, plan, state),
            *_replacement_issues(stack, config, plan, state),
            *_removal_issues(stack, plan, state),
            *_volume_issues(stack, plan, state),
        )
    ]


def _place_issues(config: DigitalOceanConfig, plan: Plan, state: AccountState) -> Iterator[str]:
    region = state.regions.get(config.region)
    if region is None:
        yield f"region: {config.region!r} is not a region of DigitalOcean; {suggest(config.region, state.regions)}"
    elif not region.available:
        open_regions = [name for name, item in state.regions.items() if item.available]
        yield f"region: {config.region} takes no new droplets; {suggest(config.region, open_regions)}"
    sizes = {host.size: "managerSize" if host.manager else "workerSize" for host in reversed(plan.hosts)}
    for slug, key in sizes.items():
        size = state.sizes.get(slug)
        here = [name for name, item in state.sizes.items() if item.available and config.region in item.regions]
        if size is None:
            yield f"{key}: {slug!r} is not a droplet size of DigitalOcean; {suggest(slug, state.sizes)}"
        elif region is not None and config.region not in size.regions:
            yield f"{key}: {slug} is not offered in region {config.region}; {suggest(slug, here)}"


def _quota_issues(stack: str, plan: Plan, state: AccountState) -> Iterator[str]:
    ours = {droplet.name for droplet in state.droplets}
    new = sum(f"{stack}-{host.name}" not in ours for host in plan.hosts)
    free = state.account.droplet_limit - state.account.droplets
    if new > max(free, 0):
        yield (
            f"workerCount: {new} more droplets are needed, but the account's limit is {state.account.droplet_limit}, "
            f"of which {state.account.droplets} exist; ask DigitalOcean for a higher limit, or plan fewer"
        )
    # Addresses have neither name nor tag. If any part of the stack exists, one of the addresses may be the stack's.
    account, begun = state.account, bool(state.droplets or state.volumes)
    if not begun and account.reserved_ips >= account.reserved_ip_limit:
        yield (
            "target: digitalocean needs a reserved address for the edge, but the account's limit is "
            f"{account.reserved_ip_limit}, of which {account.reserved_ips} exist; release one that is not in use, or "
            "ask DigitalOcean for a higher limit"
        )


def _replacement_issues(stack: str, config: DigitalOceanConfig, plan: Plan, state: AccountState) -> Iterator[str]:
    if config.replace_stateful_hosts:
        return
    by_name = {droplet.name: droplet for droplet in state.droplets}
    for name in sorted(plan.stateful_hosts):
        droplet = by_name.get(f"{stack}-{name}")
        if droplet is None:
            continue
        for key, now, wanted in (
            ("region", droplet.region, config.region),
            ("dropletImage", droplet.image, config.droplet_image),
        ):
            if now and now != wanted:
                yield (
                    f"{key}: {wanted} given, {name} has {now}: that would replace a droplet with data on its volume; "
                    "change it back, or allow it with `pulumi config set replaceStatefulHosts true`"
                )


def _removal_issues(stack: str, plan: Plan, state: AccountState) -> Iterator[str]:
    """Managers vote, so the remaining managers must be a majority of the current voters."""
    managers = {droplet.name: droplet for droplet in state.droplets if droplet.name.startswith(f"{stack}-manager-")}
    planned = {f"{stack}-{host.name}" for host in plan.hosts if host.manager}
    leaving = sorted(set(managers) - planned)
    down = sorted(name for name, droplet in managers.items() if droplet.status != "active")
    if leaving and down:
        yield (
            f"managerCount: {', '.join(leaving)} would leave the swarm while {', '.join(down)} is not running, "
            "which could cost the swarm its quorum; run `up` with the current number first"
        )


def _volume_issues(stack: str, plan: Plan, state: AccountState) -> Iterator[str]:
    now = {volume.name: volume.gibibytes for volume in state.volumes}
    for group in plan.groups:
        size = now.get(f"{stack}-{group.name}", 0)
        key = "kafkaVolumeGiB" if group.name.startswith("kafka") else f"{group.name}VolumeGiB"
        if size > group.gibibytes:
            yield f"{key}: {group.gibibytes} given, {group.name} has {size}; a volume can grow, never shrink"


def capacity_issues(plan: Plan, sizes: Mapping[str, Size], specs: Iterable[ServiceSpec]) -> list[str]:
    """Compare memory limits with hosts: services bound to a host, then the others with all workers together."""
    fixed: dict[str, int] = {host.name: 0 for host in plan.hosts}
    floating = 0
    labels = _labels(plan)
    for spec in specs:
        homes = labels.get(label(spec.placement), set())
        if len(homes) == 1:
            (home,) = homes
            fixed[home] += spec.memory * spec.replicas
        else:
            floating += spec.memory * spec.replicas
    issues, free = [], 0
    for host in plan.hosts:
        if host.size not in sizes:
            return []
        room = int(sizes[host.size].memory * NOMINAL) - SYSTEM_MIB
        if fixed[host.name] > room:
            key = "managerSize" if host.manager else "workerSize"
            issues.append(
                f"clickstream:{key}: {host.size} has room for {room} MiB, but services placed on {host.name} may take "
                f"{fixed[host.name]} MiB; choose a larger size, or less for druidScale or kafkaHeapMiB"
            )
        elif WORK in host.labels:
            free += room - fixed[host.name]
    if not issues and floating > free:
        issues.append(
            f"clickstream:workerSize: services for any worker may take {floating} MiB, but only {max(free, 0)} MiB are "
            "left; choose a larger size, more workers, or fewer collectorReplicas or converterReplicas"
        )
    return issues


def _labels(plan: Plan) -> dict[str, set[str]]:
    """From labels to the hosts with that label."""
    found: dict[str, set[str]] = {label(group.name): {group.host} for group in plan.groups}
    for host in plan.hosts:
        for name in host.labels:
            found.setdefault(label(name), set()).add(host.name)
    return found
