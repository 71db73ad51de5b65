"""The policy pack for `pulumi preview --policy-pack policy`: passes the plan to the rules."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi_policy as pp  # pyright: ignore[reportMissingImports]  # in policy/.venv alone
from pulumi_policy.proxy import UnknownValueError  # pyright: ignore[reportMissingImports]

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy.planned import UNKNOWN, Planned, StackRule
from policy.rules import RESOURCE_CHECKS, STACK_CHECKS, ResourceCheck, description


def known(container: Any, key: Any) -> Any:
    """A value without pulumi_policy's proxies, which raise on unknown values."""
    try:
        value = container[key]
    except UnknownValueError:
        return UNKNOWN
    if isinstance(value, Mapping):
        return {name: known(value, name) for name in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [known(value, index) for index in range(len(value))]
    return value


def planned(resource: Any) -> Planned:
    """Convert a resource from either kind of check."""
    sources = getattr(resource, "property_dependencies", {})
    return Planned(
        type=resource.resource_type,
        name=resource.name,
        urn=resource.urn,
        props={key: known(resource.props, key) for key in resource.props},
        uses={key: frozenset((item.resource_type, item.name) for item in items) for key, items in sources.items()},
    )


def resource_policy(name: str, check: ResourceCheck) -> Any:
    """A policy that sees one resource at a time."""

    def validate(args: Any, report: Any) -> None:
        if args.resource_type == check.type:
            for message in check.rule(planned(args)):
                report(message)

    return pp.ResourceValidationPolicy(name=name, description=description(check.rule), validate=validate)


def stack_policy(name: str, rule: StackRule) -> Any:
    """A policy that sees the whole plan."""

    def validate(args: Any, report: Any) -> None:
        for finding in rule([planned(resource) for resource in args.resources]):
            report(finding.message, finding.urn)

    return pp.StackValidationPolicy(name=name, description=description(rule), validate=validate)


pp.PolicyPack(
    name="clickstream",
    enforcement_level=pp.EnforcementLevel.MANDATORY,
    policies=[
        *(resource_policy(name, check) for name, check in RESOURCE_CHECKS.items()),
        *(stack_policy(name, rule) for name, rule in STACK_CHECKS.items()),
    ],
)
