"""Provider shim for digitalocean: the types that the platform uses, over DigitalOcean's API v2.

Names, types and replacement rules are those of the real provider; the address of the API and the
token come from the provider's configuration or its usual environment variables.
"""

from collections.abc import Mapping

from toolchain.provider_shims.digitalocean import account, dns, droplets, network, registry, storage
from toolchain.provider_shims.digitalocean.api import CONFIGURATION, Api
from toolchain.provider_shims.digitalocean.kind import ApiKind
from toolchain.provider_shims.framework import run
from toolchain.provider_shims.kinds import Kind, Package
from toolchain.provider_shims.values import Props

MODULE = "pulumi_digitalocean"
TYPES: tuple[type[ApiKind], ...] = (
    account.MonitorAlert,
    account.Project,
    account.SshKey,
    account.Tag,
    dns.DnsRecord,
    dns.Domain,
    droplets.Droplet,
    network.Firewall,
    network.ReservedIp,
    network.ReservedIpAssignment,
    network.Vpc,
    registry.ContainerRegistry,
    registry.ContainerRegistryDockerCredentials,
    storage.Volume,
    storage.VolumeAttachment,
)


def kinds(configuration: Props) -> Mapping[str, Kind]:
    """By token, for one account."""
    api = Api(configuration)
    return {kind.token: kind(api) for kind in TYPES}


def main(arguments: list[str]) -> None:
    """Serves."""
    del arguments
    run(Package("digitalocean", MODULE, kinds, CONFIGURATION))
