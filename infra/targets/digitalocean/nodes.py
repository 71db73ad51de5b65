"""From droplets to a swarm: wait for each host, initialise, join, label."""

import pulumi
import pulumi_digitalocean as do
from pulumi_command import remote

from infra.config import DigitalOceanConfig
from infra.targets.digitalocean.droplets import Droplets

READY = "cloud-init status --wait >/dev/null || test $? -eq 2; docker info -f '{{.ServerVersion}}'"
"""Exit code 2 of cloud-init means: done, with a warning."""

INIT = (
    "docker info -f '{{{{.Swarm.LocalNodeState}}}}' | grep -qx active || docker swarm init "
    "--advertise-addr {address} --listen-addr {address} --data-path-addr {address} "
    "--default-addr-pool {pool} >/dev/null"
)
LABEL = "docker node update --label-add clickstream.role={role} $(docker info -f '{{{{.Swarm.NodeID}}}}')"
JOIN = (
    "docker info -f '{{{{.Swarm.LocalNodeState}}}}' | grep -qx active || docker swarm join --token \"$(cat)\" "
    "--advertise-addr {own} {manager}:2377"
)


class Nodes(pulumi.ComponentResource):
    """The swarm's nodes. `manager_address` is known once the first manager's Docker answers."""

    manager_address: pulumi.Output[str]

    def __init__(self, config: DigitalOceanConfig, droplets: Droplets) -> None:
        """Declare readiness, initialisation and joins."""
        super().__init__("clickstream:digitalocean:Nodes", "nodes")
        self._droplets = droplets
        first = droplets.managers[0]
        ready = self._run("manager-1-ready", first, "manager-1", READY)
        init = self._run(
            "swarm-init",
            first,
            "manager-1",
            first.ipv4_address_private.apply(
                lambda address: INIT.format(address=address, pool=config.swarm_address_pool)
            ),
            after=[ready],
        )
        self._run("manager-1-label", first, "manager-1", LABEL.format(role="state"), after=[init])
        tokens: dict[str, pulumi.Output[str]] = {
            role: pulumi.Output.secret(
                self._run(
                    f"{role}-token",
                    first,
                    "manager-1",
                    f"docker swarm join-token -q {role}",
                    secret=True,
                    after=[init],
                ).stdout
            )
            for role in ("manager", "worker")
        }
        others = [("manager", i + 2, node) for i, node in enumerate(droplets.managers[1:])]
        others += [("worker", i + 1, node) for i, node in enumerate(droplets.workers)]
        for role, number, node in others:
            name = f"{role}-{number}"
            node_ready = self._run(f"{name}-ready", node, name, READY)
            command = pulumi.Output.all(own=node.ipv4_address_private, manager=first.ipv4_address_private).apply(
                lambda addresses: JOIN.format(**addresses)
            )
            self._run(f"{name}-join", node, name, command, stdin=tokens[role], after=[node_ready, init])
        self.manager_address = pulumi.Output.all(first.ipv4_address, ready.stdout).apply(lambda known: str(known[0]))
        self.register_outputs({"manager": self.manager_address})

    def _run(
        self,
        name: str,
        droplet: do.Droplet,
        role: str,
        command: pulumi.Input[str],
        *,
        stdin: pulumi.Input[str] | None = None,
        secret: bool = False,
        after: list[pulumi.Resource] | None = None,
    ) -> remote.Command:
        """A command that can be run again without harm. Secrets go in by stdin, never on the command line."""
        return remote.Command(
            name,
            connection={
                "host": droplet.ipv4_address,
                "user": "root",
                "private_key": self._droplets.deploy_key.private_key_openssh,
                "host_key": self._droplets.host_keys[role],
                "dial_error_limit": 100,
                "per_dial_timeout": 15,
            },
            create=command,
            stdin=stdin,
            add_previous_output_in_env=False,
            logging=remote.Logging.NONE if secret else remote.Logging.STDERR,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=after or [],
                # A machine that is gone needs no command to be undone on it.
                deleted_with=droplet,
                additional_secret_outputs=["stdout"] if secret else None,
            ),
        )
