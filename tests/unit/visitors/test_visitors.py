"""The simulator's visits: repeatable, from where the scenario says, with ids of their own."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from visitors.behaviour import visits
from visitors.protocol import Run, events_of
from visitors.scenario import ScenarioError, load

if TYPE_CHECKING:
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
