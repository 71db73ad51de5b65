"""The pixel of pages without JavaScript, over real sockets: what is asked for without ids becomes an event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from collector.check import check

from tests.unit.collector.sample_events import ETAG, GIF, beacon, record
from tests.unit.collector.support import delivered, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

PIXEL = "/csc-event?t=pageView&noscript=1"
PAGE = "https://shop.example/lamps?utm_source=news"
PARTY, SESSION = "0:i1t84hgy:5AF359Zjq5kUy98u4wQjlIZzWGhN~GlG", "0:i1t84hgy:95CbiPCYln_1e0a6rFvuRkDkeNnc6KC8"
AGENT = {"User_Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}


async def pixels(
    tmp_path: Path, *requests: dict[str, str], target: str = PIXEL, **changes: Any
) -> list[dict[str, Any]]:
    """The records of pixels with those headers."""
    async with running(make_settings(tmp_path, **changes)) as app:
        for headers in requests:
            status, answer, body = await request(app, target, "GET", None, Referer=PAGE, **AGENT, **headers)
            assert (status, body) == (200, GIF)
            assert (answer["cache-control"], answer.get("etag")) == ("no-store", None)
        found = [record(message) for message in delivered(app, "tracking-avro", len(requests))]
    return sorted(found, key=lambda each: each["timestamp"])


async def test_a_pixel_is_an_event_of_the_page_that_it_stands_on(tmp_path: Path) -> None:
    (event,) = await pixels(tmp_path, {})
    assert (event["event_source"], event["event_type"]) == ("pixel", "pageView")
    assert (event["location"], event["path"], event["utm_source"]) == (PAGE, "/lamps", "news")
    assert event["browser_name"] == "Firefox"
    assert (event["client_timestamp"], event["viewport_width"], event["parameters"]) == (None, None, None)
    assert (event["is_corrupt"], event["is_duplicate"], event["is_bot"]) == (False, False, False)


async def test_ids_are_made_by_the_server_and_hold_for_the_visit(tmp_path: Path) -> None:
    first, second = await pixels(tmp_path, {}, {})
    other = (await pixels(tmp_path, {"X_Forwarded_For": "203.0.113.9"}, trusted_proxies=("127.0.0.0/8",)))[0]
    for event in (first, second, other):
        for name in ("party_id", "session_id"):
            version, _, text = event[name].split(":")
            assert (version, len(text)) == ("0", 32)
        assert event["page_view_id"].startswith("0:")
        assert event["event_id"] == event["page_view_id"] + "0"
    assert (first["party_id"], first["session_id"]) == (second["party_id"], second["session_id"])
    assert first["event_id"] != second["event_id"], "every view counts"
    assert first["party_id"] != other["party_id"]
    assert [(each["is_new_party"], each["is_first_in_session"]) for each in (first, second)] == [
        (True,) * 2,
        (False,) * 2,
    ]


async def test_the_trackers_cookies_say_whose_view_it_is(tmp_path: Path) -> None:
    both, party_only, session_only, broken = await pixels(
        tmp_path,
        {"Cookie": f"who={PARTY}; visit={SESSION}"},
        {"Cookie": f"who={PARTY}"},
        {"Cookie": f"visit={SESSION}"},
        {"Cookie": "who=nobody; visit=nothing"},
        party_cookie="who",
        session_cookie="visit",
    )
    assert (both["party_id"], both["session_id"]) == (PARTY, SESSION)
    assert (both["is_new_party"], both["is_first_in_session"]) == (False, False)
    assert (party_only["party_id"], party_only["is_new_party"]) == (PARTY, False)
    assert party_only["session_id"] not in (SESSION, None)
    assert session_only["party_id"] not in (PARTY, None)
    assert (session_only["session_id"], session_only["is_first_in_session"]) == (SESSION, False)
    assert broken["party_id"] not in (PARTY, None)


async def test_cookieless_pixels_use_no_cookie(tmp_path: Path) -> None:
    assert make_settings(tmp_path, cookieless=True).readable_cookies is None
    (event,) = await pixels(tmp_path, {"Cookie": f"_dvp={PARTY}; _dvs={SESSION}"}, cookieless=True)
    assert event["party_id"] not in (PARTY, None)
    assert event["session_id"] not in (SESSION, None)


async def test_privacy_settings_hold_for_pixels(tmp_path: Path) -> None:
    cookies = {"Cookie": f"_dvp={PARTY}; _dvs={SESSION}"}
    (event,) = await pixels(tmp_path, {**cookies, "Sec_GPC": "1"}, privacy_signals="anonymise")
    assert (event["party_id"], event["session_id"], event["ip"]) == (None, None, None)
    (event,) = await pixels(tmp_path, cookies, consent_parameter="consent")
    assert event["party_id"] is None, "a page without JavaScript cannot have asked"
    (event,) = await pixels(tmp_path, cookies, target=f"{PIXEL}&consent=granted", consent_parameter="consent")
    assert event["party_id"] == PARTY
    async with running(make_settings(tmp_path, privacy_signals="drop")) as app:
        assert (await request(app, PIXEL, Referer=PAGE, Sec_GPC="1"))[0] == 200
        assert (app.metrics.received["pixel"], app.metrics.dropped["privacy_signal"]) == (1, 1)


async def test_own_type_and_parameters_are_kept(tmp_path: Path) -> None:
    (event,) = await pixels(tmp_path, {}, target="/csc-event?noscript=1&t=opened&u=(sa!b!)")
    assert (event["event_type"], json.loads(event["parameters"])) == ("opened", {"a": "b"})
    assert (await pixels(tmp_path, {}, target="/csc-event?noscript=1"))[0]["event_type"] == "pageView"


@pytest.mark.parametrize("referer", [None, "", "about:blank", "http://[", "nonsense"])
async def test_a_pixel_without_its_page_is_a_dead_letter_that_says_so(tmp_path: Path, referer: str | None) -> None:
    async with running(make_settings(tmp_path)) as app:
        given = {} if referer is None else {"Referer": referer}
        assert (await request(app, PIXEL, "GET", None, **given))[0] == 200
        (message,) = delivered(app, "tracking-dead", 1)
    headers: dict[str, Any] = dict(message.headers() or [])
    assert headers["source"] == b"pixel"
    assert b"no Referer header" in headers["reason"]
    assert message.value() == PIXEL.partition("?")[2].encode()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/csc-event?t=pageView", b"'v' is missing"),
        ("/csc-event?t=pageView&noscript=0", b"'v' is missing"),
        ("/csc-event?t=noscript=1", b"'v' is missing"),
        ("/csc-event?t=pageView&noscript=1&e=1", b"'v' is missing"),
        (f"/csc-event?t=pageView&noscript=1&p={PARTY}", b"'v' is missing"),
    ],
)
async def test_only_a_request_without_ids_is_a_pixel(tmp_path: Path, target: str, reason: bytes) -> None:
    async with running(make_settings(tmp_path)) as app:
        await request(app, target, Referer=PAGE)
        (message,) = delivered(app, "tracking-dead", 1)
    headers: dict[str, Any] = dict(message.headers() or [])
    assert reason in headers["reason"]


async def test_a_beacon_may_have_a_parameter_of_that_name(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        _, headers, _ = await request(app, beacon("1", noscript="1"), Referer="https://other.example/")
        (message,) = delivered(app, "tracking-avro", 1)
    assert headers["etag"] == ETAG
    assert (record(message)["event_source"], record(message)["is_corrupt"]) == ("browser", False)


async def test_a_browser_that_asks_whether_its_copy_is_good_reports_a_view_all_the_same(tmp_path: Path) -> None:
    await pixels(tmp_path, {"If_None_Match": ETAG})


async def test_a_pixel_is_answered_first_where_that_is_set(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, acknowledge="first")
    async with running(settings) as app:
        assert (await request(app, PIXEL))[0] == 200
        assert app.metrics.dead["pixel"] == 1


def test_check_shows_the_record_of_a_pixel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(make_settings(tmp_path), PIXEL, [f"Referer: {PAGE}"], "192.0.2.1", None) == 0
    assert json.loads(capsys.readouterr().out)["event_source"] == "pixel"
