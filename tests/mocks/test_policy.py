"""The policy pack over the recorded graphs: what is shipped breaks no rule."""

import pytest

from policy.planned import Planned
from policy.rules import RESOURCE_CHECKS, STACK_CHECKS
from tests.mocks.engine import DROPLET, FIREWALL, NODE, SERVICE, Program, plain


def plan_of(program: Program) -> list[Planned]:
    """The graph as the pack is shown it, but for where a value comes from."""
    return [Planned(type=item.type, name=item.name, props=plain(item.inputs)) for item in program.engine.resources]


@pytest.mark.parametrize("which", ["dev", "prod", "ha"])
def test_what_is_shipped_breaks_no_rule(which: str, request: pytest.FixtureRequest) -> None:
    plan = plan_of(request.getfixturevalue(which))
    said = [
        message
        for check in RESOURCE_CHECKS.values()
        for item in plan
        if item.type == check.type
        for message in check.rule(item)
    ]
    said += [finding.message for rule in STACK_CHECKS.values() for finding in rule(plan)]
    assert not said


def test_the_rules_find_what_they_judge_in_the_graph(ha: Program) -> None:
    """Under the names that the program gives it, so that no rule passes because it looks past everything."""
    plan = plan_of(ha)
    by_type: dict[str, list[Planned]] = {}
    for item in plan:
        by_type.setdefault(item.type, []).append(item)
    assert {check.type for check in RESOURCE_CHECKS.values()} <= set(by_type)
    assert all(item.items("inboundRules") for item in by_type[FIREWALL])
    assert all(item.at("vpcUuid") and item.items("tags") for item in by_type[DROPLET])
    assert all(item.at("taskSpec", "containerSpec", "image") for item in by_type[SERVICE])
    assert sum(item.at("as_manager") is True for item in by_type[NODE]) == 3
