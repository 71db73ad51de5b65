"""Target `local`: this machine's Docker engine as a one-node swarm."""

import pulumi
import pulumi_docker as docker

from infra.config import StackConfig
from infra.resources.docker.client import EngineUnreachableError
from infra.resources.docker.local_swarm import LocalSwarm, LocalSwarmArgs
from infra.swarm.swarm import Swarm
from infra.targets.local_checks import check_engine, check_ports


def local_swarm(config: StackConfig) -> Swarm:
    """The engine's swarm, initialised if the engine is not in one.

    Raises:
        pulumi.RunError: at preview, if no engine answers or a port is in use.
    """
    host = config.images.docker_host
    try:
        check_engine(host)
        check_ports(host, config)
    except (EngineUnreachableError, OSError) as error:
        raise pulumi.RunError(str(error)) from None
    swarm = LocalSwarm("swarm", LocalSwarmArgs(docker_host=host))
    # An empty host intentionally leaves the choice of engine to the environment of the next command.
    provider = docker.Provider("docker", host=host or None)
    return Swarm(
        provider=provider,
        docker_host=host,
        address=pulumi.Output.from_input("localhost"),
        ready=[swarm],
    )
