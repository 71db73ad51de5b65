"""Targets: where a stack runs. Everything above them is the same code."""

from infra.config import StackConfig, Target
from infra.targets.local import local_swarm
from infra.targets.swarm import Swarm


def make_swarm(config: StackConfig) -> Swarm:
    """The swarm of the configured target."""
    if config.target is Target.LOCAL:
        return local_swarm(config)
    # The provider SDK is large: only a stack that uses it pays for loading it.
    from infra.targets.digitalocean import digitalocean_swarm  # noqa: PLC0415

    return digitalocean_swarm(config)
