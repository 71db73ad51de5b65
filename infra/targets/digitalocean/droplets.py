"""The droplets: managers and workers, with keys made for this stack."""

import pulumi
import pulumi_digitalocean as do
import pulumi_tls as tls

from infra.config import DigitalOceanConfig
from infra.targets.digitalocean import cloud_init
from infra.targets.digitalocean.network import Network


class Droplets(pulumi.ComponentResource):
    """Managers and workers."""

    def __init__(self, stack: str, config: DigitalOceanConfig, network: Network, opts: pulumi.ResourceOptions) -> None:
        """Declare the deploy key and every droplet."""
        super().__init__("clickstream:digitalocean:Droplets", "droplets", None, opts)
        self._stack, self._config, self._network = stack, config, network
        self.deploy_key = tls.PrivateKey("deploy", algorithm="ED25519", opts=pulumi.ResourceOptions(parent=self))
        self._ssh_key = do.SshKey(
            "deploy",
            name=stack,
            public_key=self.deploy_key.public_key_openssh,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.host_keys: dict[str, pulumi.Output[str]] = {}
        self.managers = [self._droplet(f"manager-{i}", config.manager_size) for i in range(1, config.manager_count + 1)]
        self.workers = [self._droplet(f"worker-{i}", config.worker_size) for i in range(1, config.worker_count + 1)]
        self.register_outputs({"managers": [droplet.ipv4_address for droplet in self.managers]})

    def _droplet(self, role: str, size: str) -> do.Droplet:
        child = pulumi.ResourceOptions(parent=self)
        host_key = tls.PrivateKey(f"{role}-host", algorithm="ED25519", opts=child)
        self.host_keys[role] = host_key.public_key_openssh.apply(str.strip)
        user_data = pulumi.Output.all(host_key.private_key_openssh, host_key.public_key_openssh).apply(
            lambda keys: cloud_init.render(hostname=role, host_key=keys[0], host_key_public=keys[1])
        )
        return do.Droplet(
            role,
            name=f"{self._stack}-{role}",
            image=self._config.droplet_image,
            region=self._config.region,
            size=size,
            vpc_uuid=self._network.vpc.id,
            tags=[self._network.tag.name],
            ssh_keys=[self._ssh_key.fingerprint],
            monitoring=True,
            user_data=user_data,
            # Changing either of the ignored would replace the node with everything on it.
            opts=child.merge(pulumi.ResourceOptions(ignore_changes=["userData", "sshKeys"])),
        )
