"""What is kept of URLs, parameters and addresses by default, as seen by whoever sends events and reads Kafka."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from collector.enrich.urls import Urls
from collector.model.base36 import to_base36
from collector.model.campaign import CAMPAIGN_PARAMETERS, CLICK_IDS
from collector.model.page import Page
from collector.protocol.checksum import checksum
from collector.settings import Settings
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.unit.collector.sample_events import BASE, EVENT, batch, record
from tests.unit.collector.support import all_of, headers_of, make_settings, request, running
from tests.unit.collector.test_apps_and_servers import event

if TYPE_CHECKING:
    from pathlib import Path

    from collector.app import App

SECRET = "s3cr3t"
MAIL = "ann@mail.example"
PAGE = f"https://shop.example/p?token={SECRET}&email={MAIL}&utm_source=google&utm_medium=cpc&utm_term=red+shoes&gclid=Click~Id~1&q=x"
KEPT = "https://shop.example/p?utm_source=google&utm_medium=cpc&utm_term=red+shoes"
REFERRER = f"https://blog.example/post?session={SECRET}#key={SECRET}"


def query_of(values: dict[str, str]) -> str:
    pairs = list(values.items())
    return urlencode([*pairs, ("x", to_base36(checksum(pairs)))])


async def post(app: App, path: str, body: bytes, **headers: str) -> int:
    return (await request(app, path, "POST", body, Content_Type="application/json", **headers))[0]


def records(app: App) -> list[dict[str, Any]]:
    return [record(message) for message in all_of(app, "tracking-avro")]


async def send_from_every_source(app: App, **headers: str) -> None:
    """The same page view as beacon, batch, JSON and pixel."""
    assert (await request(app, "/csc-event?" + query_of({**BASE, "l": PAGE, "r": REFERRER}), "GET", None, **headers))[
        0
    ] == 200
    assert await post(app, "/csc-batch", batch({**EVENT, "e": "batch", "l": PAGE, "r": REFERRER}), **headers) == 200
    body = json.dumps(event("json", location=PAGE, referer=REFERRER)).encode()
    assert await post(app, "/json-event?p=0:1:a", body, **headers) == 204
    assert (await request(app, "/csc-event?t=pageView&noscript=1", "GET", None, Referer=PAGE, **headers))[0] == 200


async def test_by_default_only_campaign_parameters_are_kept_of_an_address(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        await send_from_every_source(app)
        found = records(app)
    assert sorted(one["event_source"] for one in found) == ["batch", "browser", "json", "pixel"]
    for one in found:
        assert one["location"] == KEPT
        assert one["referer"] == (None if one["event_source"] == "pixel" else "https://blog.example/post")
        assert (one["utm_source"], one["utm_medium"], one["utm_term"]) == ("google", "cpc", "red shoes")
        assert (one["click_id"], one["click_id_name"], one["channel"]) == (None, "gclid", "Paid Search")
        assert one["ip"] == "127.0.0.0"
        for text in (SECRET, MAIL, "Click~Id~1"):
            assert text not in json.dumps(one, default=str)


async def test_a_click_id_is_proof_of_payment_although_it_is_not_kept(tmp_path: Path) -> None:
    events = [
        {**EVENT, "e": name, "l": f"https://shop.example/?{name}=SECRETVALUE"} for name in ("gclid", "fbclid", "ttclid")
    ]
    async with running(make_settings(tmp_path)) as app:
        assert await post(app, "/csc-batch", batch(*events)) == 200
        found = {one["click_id_name"]: (one["channel"], one["click_id"], one["location"]) for one in records(app)}
    bare = "https://shop.example/"
    assert found == {
        "gclid": ("Paid Search", None, bare),
        "fbclid": ("Organic Social", None, bare),
        "ttclid": ("Organic Social", None, bare),
    }


async def test_a_star_keeps_addresses_as_they_are(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, url_parameters="*", ip_storage="full")) as app:
        await post(app, "/csc-batch", batch({**EVENT, "l": PAGE, "r": REFERRER}))
        (found,) = records(app)
    assert (found["location"], found["referer"], found["ip"]) == (PAGE, REFERRER, "127.0.0.1")
    assert found["click_id"] == "Click~Id~1"


async def test_parameters_of_a_list_of_ones_own_are_kept(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, url_parameters="Q,gclid,utm_campaign")) as app:
        await post(app, "/csc-batch", batch({**EVENT, "l": PAGE}))
        (found,) = records(app)
    assert found["location"] == "https://shop.example/p?gclid=Click~Id~1&q=x"
    assert (found["click_id"], found["utm_source"], found["channel"]) == ("Click~Id~1", None, "Paid Search")


async def test_an_empty_list_keeps_no_parameter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_URL_PARAMETERS", "")
    assert Settings.load().url_parameters == ()
    async with running(make_settings(tmp_path, url_parameters="")) as app:
        await post(app, "/csc-batch", batch({**EVENT, "l": PAGE}))
        (found,) = records(app)
    assert (found["location"], found["utm_source"], found["channel"]) == (
        "https://shop.example/p",
        None,
        "Paid Search",
    )


@pytest.mark.parametrize("names", ["a b", "*,q", "q=1", "ü", "x" * 65])
def test_names_that_no_parameter_has_are_errors(tmp_path: Path, names: str) -> None:
    with pytest.raises(ValidationError, match="url_parameters"):
        make_settings(tmp_path, url_parameters=names)


async def test_links_that_the_tracker_reports_are_reduced(tmp_path: Path) -> None:
    link = f"https://files.example/a.pdf?signature={SECRET}"
    events = [{**EVENT, "e": kind, "t": kind, "u": {"url": link}} for kind in ("download", "outbound", "own")]
    async with running(make_settings(tmp_path)) as app:
        await post(app, "/csc-batch", batch(*events))
        found = {one["event_type"]: json.loads(one["parameters"])["url"] for one in records(app)}
    bare = "https://files.example/a.pdf"
    assert found == {"download": bare, "outbound": bare, "own": link}, "a page's own parameters are the page's"


PRIVATE = {"privacy_signals": "anonymise"}
NO_CONSENT = {"consent_parameter": "consent"}


@pytest.mark.parametrize("star", [{}, {"url_parameters": "*"}])
@pytest.mark.parametrize(
    ("changes", "headers"), [(PRIVATE, {"Sec_GPC": "1"}), (PRIVATE, {"DNT": "1"}), (NO_CONSENT, {})]
)
async def test_an_anonymised_event_has_no_query_click_id_or_parameters(
    tmp_path: Path, changes: dict[str, str], headers: dict[str, str], star: dict[str, str]
) -> None:
    own = {"email": MAIL, "engagement_ms": 1200, "scroll_percent": SECRET}
    async with running(make_settings(tmp_path, **changes, **star)) as app:
        await send_from_every_source(app, **headers)
        await post(app, "/csc-batch", batch({**EVENT, "e": "own", "l": PAGE, "u": own}), **headers)
        found = records(app)
    assert len(found) == 5
    for one in found:
        assert (one["location"], one["channel"]) == ("https://shop.example/p", "Paid Search")
        for field in (
            "click_id",
            "click_id_name",
            "utm_source",
            "utm_medium",
            "utm_term",
            "party_id",
            "session_id",
            "ip",
        ):
            assert one[field] is None, field
        for text in (SECRET, MAIL, "Click~Id~1", "red shoes", "?"):
            assert text not in json.dumps(one, default=str)
    assert [json.loads(one["parameters"]) for one in found if one["parameters"]] == [{"engagement_ms": 1200}]
    assert [one["engagement_ms"] for one in found if one["engagement_ms"]] == [1200]


async def test_headers_of_anonymised_visitors_cannot_be_mapped(tmp_path: Path) -> None:
    names = ("referer", "cookie", "x-forwarded-for")
    fields = [{"name": name.replace("-", "_"), "type": ["null", "string"], "default": None} for name in names]
    schema, mapping = tmp_path / "schema.avsc", tmp_path / "mapping.toml"
    schema.write_text(json.dumps({"type": "record", "name": "T", "fields": fields}))
    mapping.write_text(
        "[fields]\n" + "\n".join(f'{name.replace("-", "_")} = {{ header = "{name}" }}' for name in names)
    )
    async with running(make_settings(tmp_path, schema_file=schema, mapping_file=mapping, **PRIVATE)) as app:
        headers = {"Referer": PAGE, "Cookie": f"id={SECRET}", "X_Forwarded_For": "192.0.2.1", "DNT": "1"}
        await post(app, "/csc-batch", batch(EVENT), **headers)
        (message,) = all_of(app, "tracking-avro")
    assert message.value() == b"\0\0\0"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/", "https://a.example/"),
        ("https://a.example/p?x=1", "https://a.example/p"),
        ("https://a.example/p?", "https://a.example/p"),
        ("https://a.example/p?s3cr3t", "https://a.example/p"),
        ("https://user:s3cr3t@a.example:8080/p?x=1#top", "https://a.example:8080/p#top"),
        ("//user:s3cr3t@a.example/p", "//a.example/p"),
        ("https://a.example/@ann/p", "https://a.example/@ann/p"),
        ("https://a.example/#access_token=s3cr3t&state=1", "https://a.example/"),
        ("https://a.example/#access_token%3Ds3cr3t", "https://a.example/"),
        ("https://a.example/#/reset?token=s3cr3t&utm_source=n", "https://a.example/#/reset?utm_source=n"),
        ("https://a.example/#/reset/key=s3cr3t?a=1", "https://a.example/"),
        ("https://a.example/#/products/7", "https://a.example/#/products/7"),
        ("https://a.example/#:~:text=s3cr3t", "https://a.example/"),
        ("https://a.example/#top:~:text=s3cr3t", "https://a.example/#top"),
        ("https://a.example/p;jsessionid=s3cr3t?x=1", "https://a.example/p"),
        ("https://a.example/p;JSESSIONID=s3cr3t/more", "https://a.example/p/more"),
        ("https://a.example/p&token=s3cr3t&b=2", "https://a.example/p"),
        ("https://a.example/p%3Ftoken%3Ds3cr3t", "https://a.example/p"),
        ("https://a.example/salt&pepper;more", "https://a.example/salt&pepper;more"),
        ("https://a.example/?UTM_Source=News&Token=s3cr3t", "https://a.example/?UTM_Source=News"),
        ("https://a.example/?mtm_source=news&token=s3cr3t", "https://a.example/?mtm_source=news"),
        ("https://a.example/?a=1&amp;utm_source=n&amp;token=s3cr3t", "https://a.example/?amp;utm_source=n"),
        ("https://a.example/?utm_source=news?token=s3cr3t", "https://a.example/?utm_source=news"),
        ("https://a.example/?utm_source=a%26token%3Ds3cr3t", "https://a.example/?utm_source=a"),
        ("https://a.example/?utm_source=a%2526token%253Ds3cr3t", "https://a.example/?utm_source=a"),
        ("https://a.example/?utm_source%3Dnews%26token%3Ds3cr3t", "https://a.example/"),
        ("https://a.example/?utm_campaign=50%25+off", "https://a.example/?utm_campaign=50%25+off"),
        ("https://[broken/p?token=s3cr3t&utm_source=n", "https://[broken/p?utm_source=n"),
        ("no address?token=s3cr3t", "no address"),
        ("https://a.example/\t?to\nken=s3cr3t", "https://a.example/"),
        ("", ""),
    ],
)
def test_what_is_left_of_an_address(url: str, kept: str) -> None:
    urls = Urls(CAMPAIGN_PARAMETERS)
    assert urls.text(url) == kept
    page = urls.page(Page(url))
    assert page.url == kept
    assert SECRET not in json.dumps([page.parts, page.query])
    assert SECRET not in json.dumps([urls.bare(Page(url)).parts, urls.bare(Page(url)).url])


def test_tags_are_read_in_every_way_of_writing_them() -> None:
    page = Urls(CAMPAIGN_PARAMETERS).page(Page(f"https://a.example/?utm_source%3Dnews%26token%3D{SECRET}"))
    assert (page.parts["utm_source"], page.url) == ("news", "https://a.example/")


_TEXT = st.text(st.sampled_from("abkey=&?#;/%:@+.23DdFfé\t"), max_size=40)


@given(_TEXT, _TEXT, st.sampled_from(["token", "id", "a%20b", "utm", *CLICK_IDS]))
def test_no_text_around_it_keeps_a_parameter_that_is_not_allowed(before: str, after: str, name: str) -> None:
    url = f"https://a.example/{before}{'&' if '?' in before or '#' in before else '?'}{name}={SECRET}&{after}"
    page = Urls(CAMPAIGN_PARAMETERS).page(Page(url))
    assert SECRET not in json.dumps([page.url, page.parts, page.query])


@pytest.mark.parametrize("part", [";", "%3b", "%3f", "&", "?", "#", "%26a", ";a=", "//", "@", "&utm_source=a", "%25"])
def test_long_addresses_take_no_time(part: str) -> None:
    urls = Urls(CAMPAIGN_PARAMETERS)
    began = time.process_time()
    for head in ("https://a.example/", "https://a.example/?", "https://a.example/#", "x"):
        urls.text(head + part * (16_384 // len(part)))
    assert time.process_time() - began < 2, "milliseconds each, not seconds"


async def test_dead_letters_keep_no_more_of_an_address_than_records(tmp_path: Path) -> None:
    """And they can still be sent again: a beacon's checksum is made anew."""
    sites = [{"name": "shop", "hosts": ["shop.example"]}]
    elsewhere = PAGE.replace("shop.example", "other.example")
    body = json.dumps([event("json", location=elsewhere, referer=REFERRER, client_address="192.0.2.7")]).encode()
    async with running(make_settings(tmp_path, sites=sites)) as app:
        await request(app, "/csc-event?" + query_of({**BASE, "l": elsewhere, "r": REFERRER}))
        await post(app, "/csc-batch", batch({**EVENT, "e": "batch", "l": elsewhere, "r": REFERRER}))
        await post(app, "/json-event?p=0:1:a", body)
        letters = {headers_of(letter)["source"]: letter.value() or b"" for letter in all_of(app, "tracking-dead")}
    assert sorted(letters) == ["batch", "browser", "json"]
    for text in (SECRET, MAIL, "Click~Id~1", "192.0.2.7"):
        for letter in letters.values():
            assert text.encode() not in letter
            assert quote(text, safe="").encode() not in letter
    assert b'"client_address":"192.0.2.0"' in letters["json"].replace(b" ", b"")
    async with running(make_settings(tmp_path)) as app:
        assert (await request(app, "/csc-event?" + letters["browser"].decode()))[0] == 200
        assert await post(app, "/csc-batch", letters["batch"]) == 200
        assert await post(app, "/json-event?p=0:1:a", letters["json"]) == 200
        found = records(app)
    assert {one["location"] for one in found} == {KEPT.replace("shop.example", "other.example")}
    assert [one["is_corrupt"] for one in found] == [False] * 3


@pytest.mark.parametrize(
    "body", [b'{"events":[{"l":"https://a.example/?token=s3cr3t"', b'{"l": "a\\u003ftoken=s3cr3t"']
)
async def test_a_body_that_is_cut_off_within_an_address_is_not_kept(tmp_path: Path, body: bytes) -> None:
    async with running(make_settings(tmp_path)) as app:
        assert await post(app, "/csc-batch", body) == 400
        (letter,) = all_of(app, "tracking-dead")
    assert (letter.value() or b"", headers_of(letter)["left_out"]) == (b"", str(len(body)))


@pytest.mark.parametrize("policy", ["drop", "anonymise", "ignore"])
async def test_nothing_of_a_visitor_who_asks_for_privacy_is_in_a_dead_letter(tmp_path: Path, policy: str) -> None:
    bad = {**EVENT, "c": "not a time", "u": {"mail": MAIL}}
    async with running(make_settings(tmp_path, privacy_signals=policy)) as app:
        await post(app, "/csc-batch", batch(bad), Sec_GPC="1")
        await post(app, "/json-event?p=0:1:a", json.dumps(event("e", oops=MAIL)).encode(), Sec_GPC="1")
        letters = all_of(app, "tracking-dead")
    assert len(letters) == 2
    for letter in letters:
        assert bool(letter.value()) == (policy == "ignore")
        assert ("query" in headers_of(letter)) <= (policy == "ignore")
        assert headers_of(letter)["reason"]
        assert (MAIL.encode() in (letter.value() or b"")) == (policy == "ignore")
