"""The reserved address and its DNS records."""

from collections.abc import Iterable

import pulumi
import pulumi_digitalocean as do

from infra.config import StackConfig
from infra.swarm.admin_page import AdminPage, host_names
from infra.targets.digitalocean.droplets import Droplets

TTL = 300


class Addresses(pulumi.ComponentResource):
    """A reserved address on the edge's droplet. If a zone is configured, also the domain's records."""

    address: pulumi.Output[str]

    def __init__(
        self, config: StackConfig, pages: Iterable[AdminPage], droplets: Droplets, opts: pulumi.ResourceOptions
    ) -> None:
        """Declare them."""
        super().__init__("clickstream:digitalocean:Addresses", "addresses", None, opts)
        child = pulumi.ResourceOptions(parent=self)
        cloud = config.digitalocean
        reserved = do.ReservedIp(
            "edge",
            region=cloud.region,
            # The assignment below controls the droplet, since the address outlives every droplet.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["dropletId"]),
        )
        self.reserved = reserved
        self.assignment = do.ReservedIpAssignment(
            "edge", ip_address=reserved.ip_address, droplet_id=droplets.edge.id.apply(int), opts=child
        )
        self.address = reserved.ip_address
        self.zone = None
        self.records: list[pulumi.Resource] = []
        names = host_names(config.edge, pages)
        self.unmanaged = sorted(host for host in names.values() if not in_zone(host, cloud.dns_zone))
        """Names whose records this program does not manage: further domains may belong to other zones."""

        if cloud.dns_zone:
            zone: pulumi.Input[str] = cloud.dns_zone
            if cloud.create_dns_zone:
                self.zone = do.Domain("zone", name=cloud.dns_zone, opts=child)
                zone = self.zone.name
            self.records = [
                do.DnsRecord(
                    f"{name}-record",
                    domain=zone,
                    type="A",
                    name=relative_name(host, cloud.dns_zone),
                    value=reserved.ip_address,
                    ttl=TTL,
                    opts=child,
                )
                for name, host in names.items()
                if in_zone(host, cloud.dns_zone)
            ]
        self.register_outputs({"address": self.address})


def in_zone(host: str, zone: str) -> bool:
    """Whether the host's record belongs to the zone. False if there is no zone."""
    return bool(zone) and (host == zone or host.endswith(f".{zone}"))


def relative_name(host: str, zone: str) -> str:
    """A host's name relative to its zone; `@` for the zone itself."""
    return "@" if host == zone else host.removesuffix(f".{zone}")
