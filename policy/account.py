"""The swarm's quorum and the plan's cost."""

from collections.abc import Iterator, Sequence

from policy.planned import Finding, Planned

STACK = "pulumi:pulumi:Stack"
NODE = "pulumi-python:dynamic/hosts:SwarmNode"


def managers_are_odd(plan: Sequence[Planned]) -> Iterator[Finding]:
    """The number of managers is odd."""
    managers = sorted(item.name for item in plan if item.type == NODE and item.at("as_manager") is True)
    if managers and len(managers) % 2 == 0:
        yield Finding(
            f"the swarm has {len(managers)} managers ({', '.join(managers)}); an odd number is allowed, since one "
            "more than that tolerates no more failures: set managerCount to 1 or 3"
        )


def cost_is_under_the_ceiling(plan: Sequence[Planned]) -> Iterator[Finding]:
    """The plan's monthly cost does not exceed monthlyCostCeiling."""
    # The program computes the cost from DigitalOcean's prices and exports it with the configured ceiling.
    for stack in (item for item in plan if item.type == STACK):
        cost, ceiling = stack.at("monthlyCost"), stack.at("monthlyCostCeiling")
        if not isinstance(cost, int | float) or not isinstance(ceiling, int | float) or not ceiling:
            continue
        if cost > ceiling:
            yield Finding(
                f"stack {stack.name} would cost {cost:.2f} USD a month; monthlyCostCeiling allows {ceiling:.2f}: "
                "plan fewer or smaller droplets, or raise it with `pulumi config set monthlyCostCeiling`"
            )
        if unpriced := [str(size) for size in stack.items("sizesWithoutPrice")]:
            yield Finding(
                f"stack {stack.name} has droplets of {', '.join(unpriced)}, whose price is unknown, so it cannot be "
                f"checked against monthlyCostCeiling ({ceiling:.2f} USD): preview with a DigitalOcean token, which "
                "provides the price, or set monthlyCostCeiling to 0"
            )
