"""What differs between two objects of Druid's JSON, and what somebody changed in a live one."""

import copy
from typing import Any

from infra.resources.druid.drift import diff_lines, observed, project_onto

OURS: dict[str, Any] = {
    "spec": {
        "ioConfig": {"taskDuration": "PT10M", "taskCount": 1.0},
        "dimensions": ["country", {"type": "long", "name": "is_bot"}],
    }
}
APPLIED: dict[str, Any] = {
    "spec": {
        "ioConfig": {"taskDuration": "PT600S", "taskCount": 1, "pollTimeout": 100, "idle": None},
        "dimensions": [{"type": "string", "name": "country"}, {"type": "long", "name": "is_bot"}],
        "tuning": {"maxRowsInMemory": 150000},
    },
    "suspended": False,
}


def live(**changes: Any) -> dict[str, Any]:
    found = copy.deepcopy(APPLIED)
    found["spec"]["ioConfig"] |= changes
    return found


def test_defaults_that_druid_fills_in_are_no_drift() -> None:
    assert diff_lines(OURS, observed(OURS, APPLIED, live())) == []


def test_a_changed_field_is_drift() -> None:
    assert diff_lines(OURS, observed(OURS, APPLIED, live(taskCount=3))) == ["spec.ioConfig.taskCount: 1 -> 3"]


def test_a_field_that_we_never_set_is_drift_too() -> None:
    found = observed(OURS, APPLIED, live(lateMessageRejectionPeriod="PT1H"))
    assert diff_lines(OURS, found) == ['spec.ioConfig.lateMessageRejectionPeriod: "PT1H" added']
    changed = copy.deepcopy(APPLIED)
    changed["spec"]["tuning"]["maxRowsInMemory"] = 5
    assert diff_lines(OURS, observed(OURS, APPLIED, changed)) == ['spec.tuning: {"maxRowsInMemory": 5} added']


def test_a_suspended_supervisor_is_drift() -> None:
    assert observed(OURS, APPLIED, {**APPLIED, "suspended": True})["suspended"] is True


def test_drift_that_was_taken_back_is_gone() -> None:
    drifted = live(taskCount=3, lateMessageRejectionPeriod="PT1H")
    found = observed(OURS, APPLIED, drifted)
    assert diff_lines(OURS, observed(found, drifted, APPLIED)) == []


def test_a_dimension_in_the_middle_is_one_difference() -> None:
    more = copy.deepcopy(OURS)
    more["spec"]["dimensions"].insert(1, "city")
    assert diff_lines(OURS, more) == ['spec.dimensions[city]: "city" added']
    assert diff_lines(more, OURS) == ['spec.dimensions[city]: "city" removed']


def test_another_order_of_dimensions_is_a_difference() -> None:
    turned = copy.deepcopy(OURS)
    turned["spec"]["dimensions"].reverse()
    assert diff_lines(OURS, turned) == ['spec.dimensions: "country is_bot" -> "is_bot country"']


def test_a_supervisor_that_we_did_not_post_is_compared_in_what_we_say() -> None:
    assert diff_lines(project_onto(OURS, APPLIED), OURS) == []
    assert diff_lines(project_onto(OURS, live(taskCount=2)), OURS) == ["spec.ioConfig.taskCount: 2 -> 1"]


def test_short_forms_that_druid_writes_out_are_the_same() -> None:
    ours = {"queryGranularity": "NONE", "dimensions": ["country"]}
    theirs = {"queryGranularity": {"type": "none"}, "dimensions": [{"type": "string", "name": "country"}]}
    assert diff_lines(project_onto(ours, theirs), ours) == []
    assert diff_lines(project_onto(ours, {**theirs, "queryGranularity": {"type": "all"}}), ours)
