"""The first page view of a session, over every source of events, and bounds of what a page measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from collector.enrich.entries import Entries
from collector.model.event import Event

from tests.unit.collector.sample_events import EVENT, batch, record
from tests.unit.collector.support import delivered, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path


def sent(number: int, kind: str, *, first: bool = False, **more: Any) -> dict[str, Any]:
    return {**EVENT, "e": f"0:v{number}", "t": kind, "f": first, **more}


async def recorded(tmp_path: Path, *events: dict[str, Any]) -> list[dict[str, Any]]:
    async with running(make_settings(tmp_path)) as app:
        for event in events:
            assert (await request(app, "/csc-batch", "POST", batch(event)))[0] == 200
        found = {one["event_id"]: one for one in map(record, delivered(app, "tracking-avro", len(events)))}
    return [found[event["e"]] for event in events]


@pytest.mark.parametrize(
    ("events", "entries"),
    [
        ([("engagement", True), ("pageView", False)], [False, True]),
        ([("engagement", True), ("pageView", False), ("pageView", False)], [False, True, False]),
        ([("pageView", True), ("pageView", False), ("pageView", False)], [True, False, False]),
        ([("pageView", True), ("scroll", False), ("pageView", False)], [True, False, False]),
        ([("engagement", True), ("scroll", False)], [False, False]),
    ],
)
async def test_an_entry_is_the_first_page_view_whatever_begins_the_session(
    events: list[tuple[str, bool]], entries: list[bool], tmp_path: Path
) -> None:
    given = [sent(number, kind, first=first) for number, (kind, first) in enumerate(events)]
    assert [one["is_entry"] for one in await recorded(tmp_path, *given)] == entries


def test_a_page_view_that_is_sent_again_is_the_entry_again() -> None:
    """The collector answered 503, or it restarted the delivery: the event is new to everyone but this memory."""
    entries = Entries()

    def ask(event_id: str, kind: str, *, first: bool = False) -> bool:
        event = Event("batch", 0)
        event.event_id, event.event_type, event.session_id, event.is_first_in_session = event_id, kind, "0:1:s", first
        return entries.is_entry(event)

    assert not ask("a", "scroll", first=True)
    assert [ask("b", "pageView"), ask("b", "pageView"), ask("c", "pageView")] == [True, True, False]


@pytest.mark.parametrize(
    ("measured", "engagement", "scroll"),
    [
        ({"engagement_ms": 5000, "scroll_percent": 80}, 5000, 80),
        ({"engagement_ms": -1, "scroll_percent": -40}, 0, 0),
        ({"engagement_ms": 8 * 3_600_000, "scroll_percent": 250}, 1_800_000, 100),
        ({"engagement_ms": "12.7", "scroll_percent": "33.3"}, 12, 33),
        ({"engagement_ms": 10**30, "scroll_percent": "NaN"}, 1_800_000, None),
        ({"engagement_ms": True, "scroll_percent": {}}, None, None),
        ({}, None, None),
    ],
)
async def test_engagement_and_scroll_depth_are_within_bounds(
    measured: dict[str, Any], engagement: int | None, scroll: int | None, tmp_path: Path
) -> None:
    (found,) = await recorded(tmp_path, sent(0, "engagement", u=measured))
    assert (found["engagement_ms"], found["scroll_percent"]) == (engagement, scroll)


async def test_a_client_time_with_a_fraction_is_cut(tmp_path: Path) -> None:
    (found,) = await recorded(tmp_path, sent(0, "pageView", c=1_700_000_000_000.5))
    assert int(found["client_timestamp"].timestamp() * 1000) == 1_700_000_000_000


async def test_the_path_of_the_referrer_is_decoded_as_the_pages_own(tmp_path: Path) -> None:
    place = "https://shop.example/caf%C3%A9"
    seen, left = await recorded(
        tmp_path, sent(0, "pageView", l=place), sent(1, "pageView", l="https://shop.example/next", r=place)
    )
    assert seen["path"] == left["referer_path"] == "/café"
