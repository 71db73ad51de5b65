"""Before anything is declared: query the account, print the plan's cost, and refuse a plan that can't work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi

from infra.config import StackConfig
from infra.config.druid_disk import endless_retention
from infra.resources.digitalocean.client import ApiError, DigitalOcean, Size
from infra.swarm.spec import ServiceSpec
from infra.targets.digitalocean import prices
from infra.targets.digitalocean.checks import AccountState, capacity_issues, cloud_issues, duplicate_droplets
from infra.targets.digitalocean.plan import Plan
from infra.targets.digitalocean.registry_checks import (
    AccountRegistries,
    registry_issues,
    registry_warnings,
    uses_account_registry,
)


@dataclass(frozen=True)
class Estimate:
    """The plan's cost, the droplet sizes used for it, and hosts whose droplet exists but never started."""

    plan: Plan
    sizes: Mapping[str, Size]
    cost: prices.Cost
    unstarted: frozenset[str] = frozenset()

    @classmethod
    def make(cls, config: StackConfig, plan: Plan) -> "Estimate":
        """Print the cost and compute the estimate.

        Raises:
            pulumi.RunError: with every conflict between the plan and the account.
        """
        state = account_state(config)
        tier = config.digitalocean.registry_tier
        if state is None:
            issues = registry_issues(config, plan.images, None)
            sizes, source, deployed = prices.TABLE, f"of {prices.TABLE_DATE}", None
        else:
            issues = cloud_issues(config.name, config.digitalocean, plan, state)
            issues += registry_issues(config, plan.images, state.registries)
            sizes, source = state.sizes, "as of now"
            deployed = prices.deployed_cost(state.droplets, state.volumes, sizes)
        if issues:
            raise refusal(config, issues)
        if state:
            for warning in (
                *duplicate_droplets(state),
                *(registry_warnings(config, state.registries) if state.registries else ()),
            ):
                pulumi.log.warn(warning)
        for warning in endless_retention(config.druid):
            pulumi.log.warn(warning)
        pulumi.log.info(f"cost: {prices.describe(plan, tier, sizes, source, deployed)}")
        unstarted = state.unstarted(config.name, plan) if state else frozenset()
        return cls(plan, sizes, prices.plan_cost(plan, tier, sizes), unstarted)

    def export(self, ceiling: int) -> None:
        """Stack outputs for the policy pack: the cost and its ceiling, in USD per month."""
        pulumi.export("monthlyCost", self.cost.monthly)
        pulumi.export("monthlyCostCeiling", ceiling)
        if self.cost.unknown:
            pulumi.export("sizesWithoutPrice", list(self.cost.unknown))

    def check_capacity(self, specs: Iterable[ServiceSpec]) -> None:
        """Refuse a plan whose hosts are too small for the services.

        Raises:
            pulumi.RunError: naming the size and the memory that the services need.
        """
        issues = capacity_issues(self.plan, self.sizes, specs)
        if issues:
            raise pulumi.RunError("\n".join(issues))


def account_state(config: StackConfig) -> AccountState | None:
    """The account's state. None for a preview without a token.

    Raises:
        pulumi.RunError: if `up` has no token, or if DigitalOcean rejects the token.
    """
    token = config.credentials.digitalocean_token.get_secret_value()
    if not token:
        if pulumi.runtime.is_dry_run():
            pulumi.log.warn(
                "no DigitalOcean token: region, sizes and limits are not checked. `up` needs one: "
                "`pulumi config set --secret digitalocean:token <token>`, or DIGITALOCEAN_TOKEN"
            )
            return None
        message = (
            "digitalocean:token is not set; create a token with read and write scope and "
            "`pulumi config set --secret digitalocean:token <token>`, or set DIGITALOCEAN_TOKEN"
        )
        raise pulumi.RunError(message)
    try:
        with DigitalOcean(token, config.credentials.digitalocean_endpoint) as cloud:
            return AccountState(
                account=cloud.account(),
                sizes=cloud.sizes(),
                regions=cloud.regions(),
                droplets=cloud.droplets(config.name),
                volumes=cloud.volumes(config.name),
                registries=account_registries(cloud) if uses_account_registry(config) else None,
            )
    except ApiError as error:
        raise pulumi.RunError(str(error)) from None


def account_registries(cloud: DigitalOcean) -> AccountRegistries:
    """The account's registries and subscription. An account without a registry has no subscription either."""
    registries = tuple(cloud.registries())
    return AccountRegistries(registries, cloud.registry_subscription() if registries else None)


def refusal(config: StackConfig, issues: list[str]) -> pulumi.RunError:
    """One error that lists all issues."""
    lines = "".join(f"\n  - {issue}" for issue in issues)
    return pulumi.RunError(f"stack {config.stack}: DigitalOcean cannot do this:{lines}")
