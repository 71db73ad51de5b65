"""Apps and servers send one event or a list, on behalf of their visitors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from collector.enrich.address import ClientAddresses
from collector.model.event import MalformedEventError
from collector.protocol.json_source import PROPERTIES, REQUIRED, ReadEvent, parse_document, read_event

from tests.unit.collector.sample_events import JSON_BODY, record
from tests.unit.collector.support import all_of, headers_of, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

    from collector.app import App

EVENT: dict[str, Any] = json.loads(JSON_BODY)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
VISITOR = {
    "page_view_id": "0:view",
    "location": "https://shop.example/cart?utm_source=news",
    "page_title": "Cart" + " " * 300,
    "referer": "https://search.example/",
    "user_agent": FIREFOX,
    "client_address": "192.0.2.7",
    "language": "de-CH,de;q=0.8",
}


def event(event_id: str, **more: Any) -> dict[str, Any]:
    return {**EVENT, "event_id": event_id, **more}


async def send(app: App, body: object, query: str = "?p=0:1:a", **headers: str) -> tuple[int, Any]:
    """The status, and the JSON or text of the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content_Type": "application/json", **headers}
    status, answered, text = await request(app, f"/json-event{query}", "POST", data, **given)
    return status, json.loads(text) if answered.get("content-type") == "application/json" else text.decode()


def records(app: App) -> dict[str, dict[str, Any]]:
    return {found["event_id"]: found for found in map(record, all_of(app, "tracking-avro"))}


def read(**more: Any) -> ReadEvent:
    return read_event(parse_document(json.dumps(event("e", **more)).encode()), "0:1:a", 0)


async def test_an_event_describes_the_visitor_on_whose_behalf_it_was_sent(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, ip_storage="full")) as app:
        assert await send(app, event("one", **VISITOR), User_Agent="python-requests/2.32", Accept_Language="*") == (
            204, "",
        )  # fmt: skip
        (found,) = records(app).values()
    wanted = {
        "event_source": "json", "page_view_id": "0:view", "location": VISITOR["location"], "host": "shop.example",
        "site": "shop.example", "utm_source": "news", "referer_host": "search.example", "browser_name": "Firefox",
        "page_title": "Cart" + " " * 296, "browser_language": "de-CH", "browser_language_name": "German",
        "os_name": "Windows", "navigator_user_agent": FIREFOX, "device_class": "desktop", "is_bot": False,
        "client_timestamp": datetime(2026, 1, 31, 11, 0, 0, 250_000, tzinfo=UTC),
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert found["ip"] == "127.0.0.1", "without a write key, the stated address does not count"


async def test_a_sender_that_states_nothing_about_a_visitor_is_the_visitor(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        await send(app, event("app"), User_Agent=FIREFOX, Accept_Language="de")
        await send(app, event("tool"), User_Agent="python-requests/2.32")
        await send(app, event("visitor", user_agent=FIREFOX), User_Agent="python-requests/2.32")
        found = records(app)
    assert {name: (one["browser_name"], one["is_bot"]) for name, one in found.items()} == {
        "app": ("Firefox", False), "tool": ("Python Requests", True), "visitor": ("Firefox", False),
    }  # fmt: skip


async def test_privacy_headers_of_the_request_count_for_the_visitor(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        assert await send(app, event("e", **VISITOR), Sec_GPC="1") == (204, "")
        assert app.metrics.dropped["privacy_signal"] == 1


async def test_consent_comes_from_the_event_or_from_the_query(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, consent_parameter="ok", without_consent="drop")) as app:
        given = [event("yes", consent=True), event("no", consent=False), event("query")]
        await send(app, given, "?p=0:1:a&ok=granted")
        await send(app, event("none"))
        assert records(app).keys() == {"yes", "query"}
        assert app.metrics.dropped["no_consent"] == 2


async def test_a_list_is_accepted_or_rejected_event_by_event(tmp_path: Path) -> None:
    bad = event("bad", client_timestamp_iso="yesterday")
    async with running(make_settings(tmp_path)) as app:
        status, answer = await send(app, [event("a"), bad, event("b", party_id="0:1:other"), 5, event("c", oops=1)])
        assert status == 200
        assert answer["accepted"] == ["a", "b"]
        assert [(item["index"], item["reason"].partition(" must")[0]) for item in answer["rejected"][:2]] == [
            (1, "client_timestamp_iso"), (3, "an event"),
        ]  # fmt: skip
        assert answer["rejected"][2]["reason"].startswith("there is an unknown property; allowed are ")
        assert {name: found["party_id"] for name, found in records(app).items()} == {"a": "0:1:a", "b": "0:1:other"}
        (letter,) = all_of(app, "tracking-dead")
        again = json.loads(letter.value() or b"")
        headers = headers_of(letter)
        assert (again, headers["source"], headers["query"]) == ([bad, 5, event("c", oops=1)], "json", "p=0:1:a")
        assert app.metrics.received["json"] == 5
        assert app.metrics.accepted + app.metrics.dead["json"] == 5
        # A dead letter can be sent again, unchanged, to its path and query, as after a fix.
        status, answer = await send(app, letter.value() or b"", f"?{headers['query']}")
        assert [item["index"] for item in answer["rejected"]] == [0, 1, 2]


async def test_events_of_a_list_can_name_their_own_party(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, answer = await send(app, [event("a", party_id="0:1:x"), event("b")], "")
    assert (status, answer["accepted"]) == (200, ["a"])
    assert answer["rejected"] == [
        {"index": 1, "reason": "the party id is missing: neither the query nor the event's 'party_id' has one"}
    ]


@pytest.mark.parametrize(
    ("changes", "events", "status", "counted"),
    [
        ({}, [], 200, {}),
        ({"batch_events": 2}, [event(str(number)) for number in range(3)], 413, {"batch_too_large": 3}),
        ({"batch_bytes": 5000}, [event("x" * 5000)], 413, {"body_too_large": 1}),
        ({}, [event("x" * 5000)], 200, {}),
        ({}, event("x" * 5000), 413, {"body_too_large": 1}),
    ],
)
async def test_lists_have_the_limits_of_batches(
    tmp_path: Path, changes: dict[str, int], events: object, status: int, counted: dict[str, int]
) -> None:
    async with running(make_settings(tmp_path, **changes)) as app:
        assert (await send(app, events))[0] == status
        assert dict(app.metrics.rejected + app.server.refusals) == counted


async def test_a_list_that_cannot_be_made_durable_can_be_sent_again(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, kafka_config_file=None, kafka_bootstrap_servers="127.0.0.1:1")) as app:
        assert (await send(app, [event("a"), event("b")]))[0] == 503
        assert (await send(app, event("a")))[0] == 503


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("client_address", "localhost", "client_address must be an IPv4 or IPv6 address"),
        ("client_address", "192.0.2.256", "client_address must be"),
        ("client_address", "fe80::1%eth0", "client_address must be"),
        ("language", "<script>", "language must be a tag such as de-CH"),
        ("language", "a" * 201, "language must be"),
        ("language", "de\n", "language must be"),
        ("location", ["x"], "'location' must be a string"),
        ("party_id", "x", "'party_id' is not an identifier"),
        ("consent", "maybe", "'consent' must be true or false"),
    ],
)
def test_a_wrong_property_is_named_and_its_value_is_not_repeated(name: str, value: object, reason: str) -> None:
    with pytest.raises(MalformedEventError) as caught:
        read(**{name: value})
    assert reason in str(caught.value)
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:443", "192.0.2.7"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(given: str, address: str) -> None:
    assert read(client_address=given).behalf.address == address
    assert ClientAddresses([]).is_trusted(given) is False


def test_absent_null_and_empty_properties_mean_the_same() -> None:
    nothing = {name: None for name in PROPERTIES if name not in REQUIRED}
    found = read(**nothing)
    assert (found.behalf, found.event.page, found.event.consent) == ((None, None, None), None, None)
    assert read(user_agent="", language="", client_address="", location="").behalf == found.behalf
