"""The simulator follows the names that a stack has chosen."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from infra.config import StackConfig
from tests.support.stack_config import raw_config
from tests.unit.visitors.fake_site import Site
from visitors.access import Access
from visitors.ledger import Ledger
from visitors.protocol import Names, Run
from visitors.scenario import load
from visitors.synthetic import Synthetic

OUTPUTS = dict.fromkeys(("website", "druid", "superset", "adminUser", "adminPassword", "supersetPassword"), "x")
CHOSEN = {
    "collectorPrefix": "/c/", "collectorEventSuffix": "e", "collectorBatchSuffix": "b",
    "partyCookie": "who", "sessionCookie": "visit",
}  # fmt: skip


def names_of(**config: str) -> Names:
    tracking = StackConfig.parse("test", raw_config(**config)).tracking
    return Access.of_outputs(json.dumps({**OUTPUTS, "tracking": tracking.public_names})).names


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (CHOSEN, {("GET", "/c/e"), ("POST", "/c/b")}),
        ({**CHOSEN, "collectorBatchSuffix": ""}, {("GET", "/c/e")}),
        ({}, {("GET", "/csc-event"), ("POST", "/csc-batch")}),
    ],
)
def test_visits_go_where_the_stack_takes_them_with_its_cookies(
    config: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    names = names_of(**config)
    scenario = load("small").model_copy(update={"events_per_second": 100_000})
    with Site() as site:
        run = Run("0123abcd", f"http://127.0.0.1:{site.server.server_port}", 1_795_000_000_000, names)
        visitors = Synthetic(scenario, run, Ledger(run.name, scenario.name, run.started_ms), lambda _: None)
        # asyncio.run would leave this thread without an event loop, which Pulumi's mocks want.
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            loop.run_until_complete(visitors.send())
    assert {(method, path) for method, path, _ in site.requests} == expected
    party, session = (config.get("partyCookie", "_dvp"), config.get("sessionCookie", "_dvs"))
    assert all(headers["Cookie"].startswith(f"{party}=0:") for _, _, headers in site.requests)
    assert all(f"; {session}=0:" in headers["Cookie"] for _, _, headers in site.requests)


def test_a_stack_without_that_output_has_the_default_names() -> None:
    assert Access.of_outputs(json.dumps(OUTPUTS)).names == Names()
