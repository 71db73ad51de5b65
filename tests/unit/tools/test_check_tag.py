"""`make check-tag` waits for the page's events in Druid."""

from __future__ import annotations

import json

import httpx
import pytest

from infra.resources.common.retry import Deadline
from infra.resources.druid.client import DruidClient, DruidError
from tools.check_tag import in_druid

MISSING = {"errorMessage": "Object 'clickstream' not found (line [1], column [43])"}
"""What Druid answers before the first row of a table."""


def druid(*answers: tuple[int, object]) -> DruidClient:
    """One that gives these answers in turn, and the last one from then on."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, content=json.dumps(body))

    return DruidClient("http://druid.test", username="", password="", transport=httpx.MockTransport(answer))


def test_the_first_event_of_a_new_stack_is_waited_for() -> None:
    with druid((400, MISSING), (200, [{"n": 0}]), (200, [{"n": 1}])) as client:
        found = in_druid(client, ["e1"], Deadline(30, pause=0.01))
    assert (found.good, found.text) == (True, "Druid has all 1 of them.")


def test_events_that_do_not_come_are_a_problem() -> None:
    with druid((400, MISSING)) as client:
        found = in_druid(client, ["e1"], Deadline(0.05, pause=0.01))
    assert not found.good
    assert "Druid has 0 of 1" in found.text


def test_another_error_is_not_taken_for_a_missing_event() -> None:
    with druid((500, {"errorMessage": "no brokers"})) as client, pytest.raises(DruidError, match="no brokers"):
        in_druid(client, ["e1"], Deadline(1))
