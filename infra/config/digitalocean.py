"""Settings of target `digitalocean`: droplets, volumes, network, DNS, registry and cost."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.config.section import ConfigSection
from infra.config.types import Cidr, DomainOrEmpty, Email, Gibibytes, Slug, SlugOrEmpty, SshPublicKey

TAKEN_RANGES = {
    "10.244.0.0/16": "DigitalOcean",
    "10.245.0.0/16": "DigitalOcean",
    "10.246.0.0/24": "DigitalOcean",
    "10.229.0.0/16": "DigitalOcean",
    "172.17.0.0/16": "Docker's bridge on every host",
    "172.18.0.0/16": "Docker's gateway bridge on every host",
}


class Preset(StrEnum):
    """How many droplets of which size, and what runs where. docs/digitalocean.md lists the costs."""

    SMALL = "small"
    STANDARD = "standard"
    HA = "ha"


class RegistryTier(StrEnum):
    """Subscriptions of DigitalOcean's registry; `existing` makes none."""

    EXISTING = "existing"
    STARTER = "starter"
    BASIC = "basic"
    PROFESSIONAL = "professional"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A preset's droplets: the fewest that its services need."""

    managers: int
    manager_size: str
    workers: int
    worker_size: str
    brokers: int = 1


SHAPES: Mapping[Preset, Shape] = {
    Preset.SMALL: Shape(managers=1, manager_size="s-8vcpu-16gb", workers=0, worker_size="s-4vcpu-8gb"),
    Preset.STANDARD: Shape(managers=1, manager_size="s-2vcpu-4gb", workers=2, worker_size="s-4vcpu-8gb"),
    Preset.HA: Shape(managers=3, manager_size="s-2vcpu-4gb", workers=3, worker_size="s-4vcpu-8gb", brokers=3),
}


class DigitalOceanConfig(ConfigSection):
    """The droplets and their network. A count of 0 or an empty size means the preset's value."""

    preset: Preset
    region: Slug
    vpc_ip_range: Cidr
    swarm_address_pool: Cidr
    manager_count: Annotated[int, Field(ge=0, le=7)]
    manager_size: SlugOrEmpty
    worker_count: Annotated[int, Field(ge=0, le=100)]
    worker_size: SlugOrEmpty
    droplet_image: Slug
    ssh_allowed_cidrs: tuple[Cidr, ...]
    operator_ssh_keys: tuple[SshPublicKey, ...]
    control_volume_gib: Annotated[Gibibytes, Field(alias="controlVolumeGiB")]
    kafka_volume_gib: Annotated[Gibibytes, Field(alias="kafkaVolumeGiB")]
    druid_volume_gib: Annotated[Gibibytes, Field(alias="druidVolumeGiB")]
    archive_volume_gib: Annotated[Gibibytes, Field(alias="archiveVolumeGiB")]
    protect_data: bool
    replace_stateful_hosts: bool
    dns_zone: DomainOrEmpty
    create_dns_zone: bool
    registry_tier: RegistryTier
    registry_insecure: bool
    alert_emails: tuple[Email, ...]
    monthly_cost_ceiling: Annotated[int, Field(ge=0)]

    @property
    def shape(self) -> Shape:
        """The preset, with the stack's own values applied."""
        preset = SHAPES[self.preset]
        return Shape(
            managers=self.manager_count or preset.managers,
            manager_size=self.manager_size or preset.manager_size,
            workers=self.worker_count or preset.workers,
            worker_size=self.worker_size or preset.worker_size,
            brokers=preset.brokers,
        )

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        if self.manager_count and self.manager_count % 2 == 0:
            message = (
                f"managerCount is {self.manager_count}; an even number of managers tolerates no more failures "
                "than one fewer: use 1 or 3"
            )
            raise ValueError(message)
        wanted, preset = self.shape, SHAPES[self.preset]
        for key, given, least in (
            ("managerCount", wanted.managers, preset.managers),
            ("workerCount", wanted.workers, preset.workers),
        ):
            if given < least:
                message = (
                    f"{key} is {given}; preset `{self.preset}` places its services on {least}: "
                    f"use {least} or more, or 0 for the preset's number"
                )
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _check_networks(self) -> Self:
        vpc, pool = ipaddress.ip_network(self.vpc_ip_range), ipaddress.ip_network(self.swarm_address_pool)
        if vpc.overlaps(pool):
            message = (
                f"swarmAddressPool {pool} overlaps vpcIpRange {vpc}; choose ranges that share no address, "
                "or containers could not reach hosts"
            )
            raise ValueError(message)
        for key, network, longest in (("vpcIpRange", vpc, 28), ("swarmAddressPool", pool, 22)):
            if network.version != 4 or not network.is_private or not 12 <= network.prefixlen <= longest:
                message = f"{key} is {network}; a private IPv4 range of /12 to /{longest} is allowed"
                raise ValueError(message)
        if vpc.prefixlen < 16:
            message = f"vpcIpRange is {vpc}; DigitalOcean allows /16 to /28"
            raise ValueError(message)
        for taken, owner in TAKEN_RANGES.items():
            if vpc.overlaps(ipaddress.ip_network(taken)):
                message = f"vpcIpRange {vpc} overlaps {taken}, which {owner} uses; choose another"
                raise ValueError(message)
        if any(ipaddress.ip_network(cidr).prefixlen == 0 for cidr in self.ssh_allowed_cidrs):
            message = "sshAllowedCidrs opens port 22 to the whole internet; name the networks you connect from"
            raise ValueError(message)
        return self
