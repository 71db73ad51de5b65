"""The simulator: repeatable visits, events as the collector reads them, honest comparison."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from simulator.behaviour import visits
from simulator.ledger import DIMENSIONS, Ledger
from simulator.protocol import Run, events_of
from simulator.scenario import ScenarioError, load
from simulator.verify import Druid, DruidError, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = Run("0123abcd", "http://shop.test", 1_795_000_000_000)


def test_the_same_seed_gives_the_same_visits() -> None:
    scenario = load("small")
    assert list(visits(scenario)) == list(visits(scenario))
    other = scenario.model_copy(update={"seed": scenario.seed + 1})
    assert list(visits(other)) != list(visits(scenario))


def test_the_original_plan_is_six_thousand_visits_of_five_kinds() -> None:
    scenario = load("original")
    people = Counter(visit.group.country for visit in visits(scenario) if not visit.bot)
    assert people == {"United States": 1200, "Spain": 800, "China": 1500, "Romania": 2000, "Finland": 500}


def test_addresses_come_from_the_groups_networks() -> None:
    for visit in visits(load("small")):
        assert any(ipaddress.ip_address(visit.address) in network for network in visit.group.networks)


def test_returning_visitors_keep_their_number_and_address() -> None:
    seen: dict[int, str] = {}
    returned = 0
    for visit in visits(load("small")):
        returned += visit.visitor in seen
        assert seen.setdefault(visit.visitor, visit.address) == visit.address
    assert returned > 3


def test_event_ids_are_unique_in_a_run() -> None:
    ids = [event["e"] for visit in visits(load("small")) for event in events_of(visit, RUN, 0, returning=False)]
    assert len(set(ids)) == len(ids) > 400


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: A B\nvisitors: []", "name: String should match"),
        ("name: [", "is not YAML"),
        (
            "name: a\nvisitors: [{browser: B, os: O, country: C, visits: 1, user_agent: U, networks: [10.0.0.0/8]}]",
            "not a public",
        ),
        ("name: a\nbehaviour: {pages: [4, 1]}\nvisitors: []", "1 <= least <= most"),
        ("name: a\nspeed: 3\nvisitors: []", "speed: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_scenario_says_where_and_why(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"wrong\.yaml") as error:
        load(str(path))
    assert complaint in str(error.value)


def test_an_unknown_scenario_names_the_shipped_ones() -> None:
    with pytest.raises(ScenarioError, match="shipped scenarios: browsers, original, small"):
        load("nonesuch")


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger("0123abcd", "small", RUN.started_ms)
    for visit in visits(load("small")):
        for event in events_of(visit, RUN, RUN.started_ms, returning=False):
            ledger.add(visit, event)
    return ledger


class FakeDruid:
    """Answers the verifying query with rows that the test can change."""

    def __init__(self, ledger: Ledger) -> None:
        self.rows: list[dict[str, Any]] = []
        self.status = 200
        self.asked: list[dict[str, Any]] = []
        for visit in visits(load("small")):
            for event in events_of(visit, RUN, RUN.started_ms, returning=False):
                group = visit.group
                values = (
                    group.country,
                    group.browser,
                    group.os,
                    event["l"].removeprefix(RUN.origin).split("?")[0],
                    event["t"],
                )
                self.rows.append({**dict(zip(DIMENSIONS, values, strict=True)), "is_bot": int(visit.bot), "events": 1})
        assert len(self.rows) == ledger.acknowledged + ledger.bot_events
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Silent."""

            def do_POST(self) -> None:
                fake.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                body = json.dumps(fake.rows).encode()
                self.send_response(fake.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def druid(ledger: Ledger) -> Iterator[FakeDruid]:
    fake = FakeDruid(ledger)
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


def test_equal_numbers_verify(ledger: Ledger, druid: FakeDruid) -> None:
    assert verify(ledger, Druid(druid.url), patience=0) == []
    assert druid.asked[0]["parameters"][1]["value"] == "0:%:0123abcd%"


def test_a_lost_event_shows_in_the_total_and_in_every_dimension(ledger: Ledger, druid: FakeDruid) -> None:
    lost = druid.rows.pop()
    left = verify(ledger, Druid(druid.url), patience=0)
    assert (left[0].dimension, left[0].sent - left[0].found) == ("total", 1)
    assert {(each.dimension, each.value) for each in left[1:]} == {(name, lost[name]) for name in DIMENSIONS}


def test_a_visit_attributed_to_another_browser_shows(ledger: Ledger, druid: FakeDruid) -> None:
    druid.rows[0]["browser_name"] = "Netscape"
    left = verify(ledger, Druid(druid.url), patience=0)
    assert ("browser_name", "Netscape", 0, 1) in {(each.dimension, each.value, each.sent, each.found) for each in left}


def test_a_ledger_survives_its_file(ledger: Ledger, tmp_path: Path) -> None:
    ledger.save(tmp_path / "deep" / "ledger.json")
    assert Ledger.load(tmp_path / "deep" / "ledger.json") == ledger


def test_druids_refusal_is_told(ledger: Ledger, druid: FakeDruid) -> None:
    druid.status = 401
    with pytest.raises(DruidError, match="answered 401"):
        verify(ledger, Druid(druid.url), patience=0)
