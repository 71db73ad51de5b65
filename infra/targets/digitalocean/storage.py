"""Volumes, which outlive droplets."""

from collections.abc import Mapping

import pulumi
import pulumi_digitalocean as do

from infra.config import StackConfig
from infra.targets.digitalocean.droplets import Droplets
from infra.targets.digitalocean.network import Network
from infra.targets.digitalocean.plan import Plan

DEVICE = "/dev/disk/by-id/scsi-0DO_Volume_"
"""Prefix of an attached volume's stable device path on its droplet. The volume's name follows."""


class Storage(pulumi.ComponentResource):
    """A volume for each group, on the group's droplet."""

    attachments: Mapping[str, do.VolumeAttachment]
    """By group."""

    def __init__(
        self, config: StackConfig, plan: Plan, network: Network, droplets: Droplets, opts: pulumi.ResourceOptions
    ) -> None:
        """Declare them."""
        super().__init__("clickstream:digitalocean:Storage", "storage", None, opts)
        cloud = config.digitalocean
        self.volumes = {
            group.name: do.Volume(
                group.name,
                name=volume_name(config.name, group.name),
                region=cloud.region,
                size=group.gibibytes,
                initial_filesystem_type="ext4",
                tags=[network.tag.name],
                opts=pulumi.ResourceOptions(parent=self, protect=cloud.protect_data),
            )
            for group in plan.groups
        }
        self.attachments = {
            group.name: do.VolumeAttachment(
                group.name,
                droplet_id=droplets.droplets[group.host].id.apply(int),
                volume_id=self.volumes[group.name].id,
                # A volume can be attached to only one droplet at a time.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
            for group in plan.groups
        }
        self.register_outputs({"volumes": [volume.name for volume in self.volumes.values()]})


def volume_name(stack: str, group: str) -> str:
    """The volume's name, unique in the account. The device's name on the droplet ends with it."""
    return f"{stack}-{group}"
