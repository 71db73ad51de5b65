"""What firewalls let through, resolved to addresses and handed to the hosts."""

from functools import partial

from tests.fakes.digitalocean.backend import DropletRules
from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.models import Droplet, Firewall, Json


def firewalls_of(cloud: Cloud, droplet: Droplet) -> list[Firewall]:
    """By number or by tag."""
    return [
        firewall
        for firewall in cloud.firewalls.values()
        if droplet.id in firewall.droplet_ids or set(firewall.tags) & set(droplet.tags)
    ]


def _networks(cloud: Cloud, ends: Json) -> list[str]:
    networks = list(ends.get("addresses") or [])
    tags, numbers = set(ends.get("tags") or []), set(ends.get("droplet_ids") or [])
    for droplet in cloud.droplets.values():
        if droplet.id in numbers or tags & set(droplet.tags):
            networks += [f"{address}/32" for address in (droplet.public_ip, droplet.private_ip) if address]
    return networks


async def enforce(cloud: Cloud) -> None:
    """On every droplet that runs."""
    for droplet in list(cloud.droplets.values()):
        if droplet.status == "active":
            await enforce_on(cloud, droplet)


async def enforce_on(cloud: Cloud, droplet: Droplet) -> None:
    """On one."""
    rules = DropletRules(firewalls_of(cloud, droplet), partial(_networks, cloud))
    await cloud.backend.apply_firewalls(droplet, rules)
