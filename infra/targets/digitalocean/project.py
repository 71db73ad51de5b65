"""The stack in DigitalOcean's control panel: a project and alerts."""

import pulumi
import pulumi_digitalocean as do

from infra.config import StackConfig
from infra.targets.digitalocean.addresses import Addresses
from infra.targets.digitalocean.droplets import Droplets
from infra.targets.digitalocean.network import Network
from infra.targets.digitalocean.storage import Storage
from infra.targets.digitalocean.timeouts import deletion

ALERTS = {
    "cpu": ("v1/insights/droplet/cpu", 90, "30m"),
    "memory": ("v1/insights/droplet/memory_utilization_percent", 92, "10m"),
    "disk": ("v1/insights/droplet/disk_utilization_percent", 85, "10m"),
}
"""Metric, threshold in percent, and duration before the alert."""


class Project(pulumi.ComponentResource):
    """A project with every resource of the stack that projects support, and alerts."""

    def __init__(  # it collects the other components' resources
        self,
        config: StackConfig,
        network: Network,
        droplets: Droplets,
        storage: Storage,
        addresses: Addresses,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare the project and the alerts."""
        super().__init__("clickstream:digitalocean:Project", "project", None, opts)
        child = pulumi.ResourceOptions(parent=self)
        members = [
            *(droplet.droplet_urn for droplet in droplets.droplets.values()),
            *(volume.volume_urn for volume in storage.volumes.values()),
            addresses.reserved.reserved_ip_urn,
        ]
        if addresses.zone:
            members.append(addresses.zone.domain_urn)
        do.Project(
            "project",
            name=config.name,
            description="Clickstream platform, made by Pulumi",
            purpose="Web Application",
            environment="Production",
            resources=members,
            opts=pulumi.ResourceOptions.merge(child, deletion()),
        )
        emails = config.digitalocean.alert_emails
        for name, (metric, limit, window) in (ALERTS if emails else {}).items():
            do.MonitorAlert(
                name,
                alerts={"emails": list(emails)},
                type=metric,
                compare="GreaterThan",
                value=limit,
                window=window,
                description=f"{config.name}: {name} above {limit} %",
                tags=[network.tag.name],
                enabled=True,
                opts=child,
            )
        self.register_outputs({})
