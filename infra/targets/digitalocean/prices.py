"""A plan's monthly cost in USD before tax."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.config.digitalocean import RegistryTier
from infra.resources.digitalocean.client import LiveDroplet, LiveVolume, Size, Subscription
from infra.targets.digitalocean.plan import Plan

TABLE_DATE = "2026-08"
VOLUME_GIB = 0.10
MIB, GIB = 1024**2, 1024**3
SUBSCRIPTIONS: Mapping[str, Subscription] = {
    RegistryTier.STARTER: Subscription(
        slug="starter", repositories=1, storage_bytes=500 * MIB, overage=False, price=0.0
    ),
    RegistryTier.BASIC: Subscription(slug="basic", repositories=5, storage_bytes=5 * GIB, overage=True, price=5.0),
    RegistryTier.PROFESSIONAL: Subscription(
        slug="professional", repositories=0, storage_bytes=100 * GIB, overage=True, price=20.0
    ),
}
"""Registry prices: https://docs.digitalocean.com/products/container-registry/details/pricing/"""

ANYWHERE: frozenset[str] = frozenset()


def _size(slug: str, gibibytes: int, price: float) -> Size:
    return Size(slug=slug, memory=gibibytes * 1024, price=price, regions=ANYWHERE, available=True)


TABLE: Mapping[str, Size] = {
    size.slug: size
    for size in (
        _size("s-1vcpu-2gb", 2, 12),
        _size("s-2vcpu-2gb", 2, 18),
        _size("s-2vcpu-4gb", 4, 24),
        _size("s-2vcpu-4gb-amd", 4, 28),
        _size("s-2vcpu-4gb-intel", 4, 28),
        _size("s-4vcpu-8gb", 8, 48),
        _size("s-4vcpu-8gb-amd", 8, 56),
        _size("s-4vcpu-8gb-intel", 8, 56),
        _size("s-8vcpu-16gb", 16, 96),
        _size("s-8vcpu-16gb-amd", 16, 112),
        _size("s-8vcpu-16gb-intel", 16, 112),
        _size("m-2vcpu-16gb", 16, 84),
        _size("m-4vcpu-32gb", 32, 168),
        _size("g-2vcpu-8gb", 8, 63),
        _size("g-4vcpu-16gb", 16, 126),
    )
}
"""Prices of the usual sizes in the month of TABLE_DATE, for previews without a token."""


@dataclass(frozen=True)
class Cost:
    """A sum, and the sizes that it omits because their price is unknown."""

    monthly: float
    unknown: tuple[str, ...] = ()


def _sum(sizes: Iterable[str], gibibytes: int, more: float, prices: Mapping[str, Size]) -> Cost:
    wanted = list(sizes)
    known = sum(prices[slug].price for slug in wanted if slug in prices)
    unknown = tuple(sorted({slug for slug in wanted if slug not in prices}))
    return Cost(round(known + gibibytes * VOLUME_GIB + more, 2), unknown)


def registry_price(tier: str) -> float:
    """The tier's price. An existing registry is already paid for."""
    return SUBSCRIPTIONS[tier].price if tier in SUBSCRIPTIONS else 0.0


def plan_cost(plan: Plan, registry_tier: str, prices: Mapping[str, Size]) -> Cost:
    """Cost of droplets, volumes and registry. A reserved address is free while it is in use."""
    gibibytes = sum(group.gibibytes for group in plan.groups)
    return _sum((host.size for host in plan.hosts), gibibytes, registry_price(registry_tier), prices)


def deployed_cost(droplets: Iterable[LiveDroplet], volumes: Iterable[LiveVolume], prices: Mapping[str, Size]) -> Cost:
    """Cost of the deployed droplets and volumes. Excludes the registry, which other stacks may share."""
    return _sum((droplet.size for droplet in droplets), sum(volume.gibibytes for volume in volumes), 0.0, prices)


def describe(plan: Plan, registry_tier: str, prices: Mapping[str, Size], source: str, deployed: Cost | None) -> str:
    """Text for people: the sum, its parts, and the difference from what is deployed."""
    cost = plan_cost(plan, registry_tier, prices)
    sizes = [host.size for host in plan.hosts]
    counts = ", ".join(f"{sizes.count(slug)} x {slug}" for slug in dict.fromkeys(sizes))
    gibibytes = sum(group.gibibytes for group in plan.groups)
    parts = [counts, f"{gibibytes} GiB of volumes"]
    if registry_price(registry_tier):
        parts.append(f"registry {registry_tier}")
    text = f"{cost.monthly:.2f} USD a month ({', '.join(parts)}; prices {source})"
    if cost.unknown:
        text += f"; not counting {', '.join(cost.unknown)}, whose price is not known"
    if deployed is None:
        return f"{text}. What is deployed is not known without a token."
    difference = round(cost.monthly - registry_price(registry_tier) - deployed.monthly, 2)
    if not deployed.monthly:
        return f"{text}. Nothing is deployed yet."
    if not difference:
        return f"{text}, the same as what is deployed."
    word = "more" if difference > 0 else "less"
    return f"{text}, {abs(difference):.2f} USD {word} than the droplets and volumes that are deployed."
