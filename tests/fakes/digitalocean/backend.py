"""What a droplet really is: the interface of host backends, and the one without hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

from tests.fakes.digitalocean.models import Credential, Droplet, Firewall, Json, Registry, ReservedIp, Volume, Vpc


class Backend(Protocol):
    """Makes the account's records true. Every method may raise BackendError."""

    public_network: IPv4Network
    """Droplets' public addresses are taken from it."""

    own_addresses: int
    """How many of its first addresses are not for droplets."""

    registry_server: str
    """Where the registry answers, as images' names begin."""

    async def start(self) -> None:
        """Before the first request."""

    async def stop(self) -> None:
        """Removes everything that was made."""

    async def create_vpc(self, vpc: Vpc) -> None:
        """A private network."""

    async def delete_vpc(self, vpc: Vpc) -> None:
        """Its last member is gone."""

    async def create_droplet(self, droplet: Droplet, vpc: Vpc, volumes: Sequence[Volume]) -> None:
        """Boots a host with the droplet's addresses, keys and user data; returns when it runs."""

    async def power(self, droplet: Droplet, action: str, volumes: Sequence[Volume]) -> None:
        """`power_off`, `power_on`, `shutdown`, `reboot` or `power_cycle`."""

    async def destroy_droplet(self, droplet: Droplet) -> None:
        """The host and its disk."""

    async def is_running(self, droplet: Droplet) -> bool:
        """A host can also be powered off from inside."""
        raise NotImplementedError

    async def create_volume(self, volume: Volume) -> None:
        """A block device of the volume's size, formatted if it says so."""

    async def resize_volume(self, volume: Volume) -> None:
        """Grow it; its file system stays as it is."""

    async def delete_volume(self, volume: Volume) -> None:
        """And its data."""

    async def attach_volume(self, volume: Volume, droplet: Droplet) -> None:
        """Appears as /dev/disk/by-id/scsi-0DO_Volume_NAME."""

    async def detach_volume(self, volume: Volume, droplet: Droplet) -> None:
        """And disappears."""

    async def route_reserved_ip(self, address: ReservedIp, old: Droplet | None, new: Droplet | None) -> None:
        """Moves the address."""

    async def apply_firewalls(self, droplet: Droplet, rules: "DropletRules") -> None:
        """Everything that the firewalls of the droplet allow, together."""

    async def set_registry(
        self, registry: Registry | None, credentials: Sequence[Credential], limits: "RegistryLimits"
    ) -> None:
        """The registry, the logins that work there and what may be pushed; None removes it with its images."""

    async def repositories(self) -> dict[str, list[str]]:
        """Tags by repository."""
        raise NotImplementedError

    async def registry_bytes(self) -> int:
        """What was pushed, compressed as it is stored."""
        raise NotImplementedError


@dataclass(frozen=True)
class RegistryLimits:
    """What a subscription allows; 0 is no limit."""

    repositories: int
    storage_bytes: int


class BackendError(Exception):
    """The host, network or device could not be made; says why."""


class DropletRules:
    """What reaches a droplet and leaves it, with tags and droplets resolved to addresses."""

    def __init__(self, firewalls: Sequence[Firewall], resolve: "Resolver") -> None:
        """Without a firewall everything passes: then `filtered` is false."""
        self.filtered = bool(firewalls)
        self.inbound = [
            (rule["protocol"], rule["ports"], resolve(rule["sources"])) for fw in firewalls for rule in fw.inbound_rules
        ]
        self.outbound = [
            (rule["protocol"], rule["ports"], resolve(rule["destinations"]))
            for fw in firewalls
            for rule in fw.outbound_rules
        ]


class Resolver(Protocol):
    """Turns sources or destinations of a rule into networks."""

    def __call__(self, ends: Json, /) -> list[str]:
        """CIDRs."""
        raise NotImplementedError


class NoHosts:
    """Records without hosts: for tests of the API and of previews."""

    def __init__(self) -> None:
        """Addresses are from TEST-NET-3, which nobody has."""
        self.public_network = IPv4Network("203.0.113.0/24")
        self.own_addresses = 2
        self.registry_server = "registry.digitalocean.com"

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    async def create_vpc(self, vpc: Vpc) -> None:
        """Nothing."""

    async def delete_vpc(self, vpc: Vpc) -> None:
        """Nothing."""

    async def create_droplet(self, droplet: Droplet, vpc: Vpc, volumes: Sequence[Volume]) -> None:
        """Nothing."""

    async def power(self, droplet: Droplet, action: str, volumes: Sequence[Volume]) -> None:
        """The record says it already."""

    async def destroy_droplet(self, droplet: Droplet) -> None:
        """Nothing."""

    async def is_running(self, droplet: Droplet) -> bool:
        """As the record says."""
        return droplet.status == "active"

    async def create_volume(self, volume: Volume) -> None:
        """Nothing."""

    async def resize_volume(self, volume: Volume) -> None:
        """Nothing."""

    async def delete_volume(self, volume: Volume) -> None:
        """Nothing."""

    async def attach_volume(self, volume: Volume, droplet: Droplet) -> None:
        """Nothing."""

    async def detach_volume(self, volume: Volume, droplet: Droplet) -> None:
        """Nothing."""

    async def route_reserved_ip(self, address: ReservedIp, old: Droplet | None, new: Droplet | None) -> None:
        """Nothing."""

    async def apply_firewalls(self, droplet: Droplet, rules: DropletRules) -> None:
        """Nothing."""

    async def set_registry(
        self, registry: Registry | None, credentials: Sequence[Credential], limits: RegistryLimits
    ) -> None:
        """Nothing."""

    async def repositories(self) -> dict[str, list[str]]:
        """None were pushed."""
        return {}

    async def registry_bytes(self) -> int:
        """None were pushed."""
        return 0


def free_address(network: IPv4Network, taken: set[str], reserved: int) -> IPv4Address:
    """The lowest address that nobody has, after the first `reserved` ones.

    Raises:
        BackendError: if the network is full.
    """
    for host in range(reserved, network.num_addresses - 1):
        address = network[host]
        if str(address) not in taken:
            return address
    msg = f"no address is left in {network}"
    raise BackendError(msg)
