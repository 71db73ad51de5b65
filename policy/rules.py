"""All rules, by the names under which Pulumi reports violations."""

from collections.abc import Mapping
from dataclasses import dataclass

from policy import account, perimeter, services
from policy.planned import Rule, StackRule


@dataclass(frozen=True)
class ResourceCheck:
    """Checked before each resource is created or changed, during `up` as well."""

    type: str
    rule: Rule


RESOURCE_CHECKS: Mapping[str, ResourceCheck] = {
    "ssh-is-not-public": ResourceCheck(perimeter.FIREWALL, perimeter.ssh_is_not_public),
    "only-the-website-is-public": ResourceCheck(perimeter.FIREWALL, perimeter.only_the_website_is_public),
    "droplets-are-private-and-tagged": ResourceCheck(perimeter.DROPLET, perimeter.droplet_is_private_and_tagged),
    "images-by-digest": ResourceCheck(services.SERVICE, services.image_is_by_digest),
    "no-plain-secrets": ResourceCheck(services.SERVICE, services.no_plain_secret),
}

STACK_CHECKS: Mapping[str, StackRule] = {
    "droplets-are-behind-a-firewall": perimeter.droplets_are_behind_a_firewall,
    "no-secrets-of-the-stack": services.no_secret_of_the_stack,
    "managers-are-odd": account.managers_are_odd,
    "cost-is-under-the-ceiling": account.cost_is_under_the_ceiling,
}
"""Checked once the whole plan is known, at the end of a preview."""


def description(rule: Rule | StackRule) -> str:
    """The rule's description."""
    return (rule.__doc__ or "").strip()
