"""Targets: where a stack runs. The rest of the program is the same for every target."""

from collections.abc import Sequence

from infra.config import StackConfig, Target
from infra.swarm.spec import ServiceSpec
from infra.swarm.swarm import Swarm
from infra.targets.local import local_swarm


def make_swarm(config: StackConfig, specs: Sequence[ServiceSpec]) -> Swarm:
    """The swarm on the configured target, with room for these services."""
    if config.target is Target.LOCAL:
        return local_swarm(config)
    # Import the large provider SDK only for stacks that use it.
    from infra.targets.digitalocean import digitalocean_swarm  # noqa: PLC0415

    return digitalocean_swarm(config, specs)
