"""The droplets: managers and workers, with keys generated for this stack."""

from collections.abc import Mapping

import pulumi
import pulumi_command as command
import pulumi_digitalocean as do
import pulumi_tls as tls

from infra.config import StackConfig
from infra.resources.common.ssh import SshHost, write_access
from infra.targets.digitalocean import cloud_init
from infra.targets.digitalocean.network import Network
from infra.targets.digitalocean.plan import EDGE_HOST, Host, Plan
from infra.targets.digitalocean.timeouts import DELETE, START


class Droplets(pulumi.ComponentResource):
    """Every host in the plan."""

    droplets: Mapping[str, do.Droplet]
    """By name."""

    hosts: Mapping[str, pulumi.Output[str]]
    """ssh URLs by host name, known once the ssh configuration for them exists."""

    connections: Mapping[str, command.remote.ConnectionArgs]
    """Connections for pulumi-command by host name, with pinned host keys."""

    def __init__(
        self,
        config: StackConfig,
        plan: Plan,
        network: Network,
        opts: pulumi.ResourceOptions,
        unstarted: frozenset[str] = frozenset(),
    ) -> None:
        """Declare the keys and the droplets."""
        super().__init__("clickstream:digitalocean:Droplets", "droplets", None, opts)
        self._config, self._network = config, network
        keeps_data = config.digitalocean.protect_data and not config.digitalocean.replace_stateful_hosts
        self._protected = plan.stateful_hosts - unstarted if keeps_data else frozenset()
        child = pulumi.ResourceOptions(parent=self)
        deploy_key = tls.PrivateKey("deploy", algorithm="ED25519", opts=child)
        self._ssh_key = do.SshKey(
            "deploy", name=config.name, public_key=deploy_key.public_key_openssh.apply(str.strip), opts=child
        )
        host_keys = {
            host.name: tls.PrivateKey(f"{host.name}-host", algorithm="ED25519", opts=child) for host in plan.hosts
        }
        self.droplets = {host.name: self._droplet(host, host_keys[host.name]) for host in plan.hosts}
        access = pulumi.Output.all(
            key=deploy_key.private_key_openssh,
            known={name: key.public_key_openssh for name, key in host_keys.items()},
        ).apply(lambda keys: write_access(config.name, keys["key"], keys["known"]))
        # The folder's content is secret, but its name is not.
        access = pulumi.Output.unsecret(access)
        self.hosts = {name: self._host(name, access) for name in self.droplets}
        self.connections = {
            name: command.remote.ConnectionArgs(
                host=droplet.ipv4_address,
                user="root",
                private_key=deploy_key.private_key_openssh,
                host_key=host_keys[name].public_key_openssh.apply(str.strip),
            )
            for name, droplet in self.droplets.items()
        }
        self.register_outputs({"addresses": {name: item.ipv4_address for name, item in self.droplets.items()}})

    @property
    def edge(self) -> do.Droplet:
        """The edge's droplet, which visitors reach."""
        return self.droplets[EDGE_HOST]

    def _host(self, name: str, access: pulumi.Output[str]) -> pulumi.Output[str]:
        return pulumi.Output.all(self.droplets[name].ipv4_address, access).apply(
            lambda known: SshHost(address=str(known[0]), alias=name, access=str(known[1])).url
        )

    def _droplet(self, host: Host, host_key: tls.PrivateKey) -> do.Droplet:
        cloud = self._config.digitalocean
        registry = self._config.images.registry_server.split("/")[0] if cloud.registry_insecure else ""
        text = pulumi.Output.all(host_key.private_key_openssh, host_key.public_key_openssh).apply(
            lambda keys: cloud_init.render(
                hostname=host.name, host_key=keys[0], host_key_public=keys[1], insecure_registry=registry
            )
        )
        # User data contains the host key, which must not be in the state as plain text.
        user_data: pulumi.Output[str] = pulumi.Output.secret(text)
        tags = [self._network.tag.name]
        if host.name == EDGE_HOST:
            tags.append(self._network.edge_tag.name)
        return do.Droplet(
            host.name,
            name=f"{self._config.name}-{host.name}",
            image=cloud.droplet_image,
            region=cloud.region,
            size=host.size,
            vpc_uuid=self._network.vpc.id,
            tags=tags,
            ssh_keys=[self._ssh_key.fingerprint],
            monitoring=True,
            # Resize memory and CPUs only. After resizing the disk, a droplet could not become smaller again.
            resize_disk=False,
            graceful_shutdown=True,
            user_data=user_data,
            opts=pulumi.ResourceOptions(
                parent=self,
                # A change to either would replace the droplet with everything on it.
                ignore_changes=["userData", "sshKeys"],
                custom_timeouts=pulumi.CustomTimeouts(create=START, delete=DELETE),
                # Set by Pulumi if a droplet was created but failed to start. The next `up` replaces it.
                replace_on_changes=["#initerror"],
                protect=host.name in self._protected,
            ),
        )
