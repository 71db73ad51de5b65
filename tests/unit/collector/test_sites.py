"""Each event belongs to a site, and with a list of sites to no other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from clickstream_service.settings import SettingsError
from collector.enrich.sites import Sites
from collector.model.event import Event, MalformedEventError
from collector.model.page import page_of
from collector.settings import Settings, Site

from tests.unit.collector.sample_events import EVENT, JSON_BODY, batch, beacon, record
from tests.unit.collector.support import all_of, headers_of, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

LISTED = Sites(
    [
        Site(name="shop", hosts=("shop.example", "localhost")),
        Site(name="blogs", hosts=("*.blog.example", "127.0.0.1")),
        Site(name="one", hosts=("*.one.blog.example",)),
    ]
)


def event(location: str | None = None, site: str | None = None) -> Event:
    made = Event("batch", 0)
    made.page = None if location is None else page_of(location)
    made.site = site
    return made


@pytest.mark.parametrize(
    ("location", "site"),
    [
        ("https://shop.example/a", "shop"),
        ("https://SHOP.example:8443/a?b#c", "shop"),
        ("http://localhost:3000/", "shop"),
        ("http://127.0.0.1/", "blogs"),
        ("https://a.blog.example/", "blogs"),
        ("https://a.b.blog.example/", "blogs"),
        ("https://a.one.blog.example/", "one"),
        ("https://one.blog.example/", "blogs"),
    ],
)
def test_the_pages_host_decides(location: str, site: str) -> None:
    assert LISTED.of(event(location)) == site


@pytest.mark.parametrize(
    "location",
    [
        "https://blog.example/",
        "https://www.shop.example/",
        "https://notshop.example/",
        "https://evilblog.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "file:///home/somebody/page.html",
        "shop.example",
        "",
    ],
)
def test_other_hosts_are_refused_without_repeating_them(location: str) -> None:
    with pytest.raises(MalformedEventError) as caught:
        LISTED.of(event(location))
    assert "sites" in str(caught.value)
    assert not location or location not in str(caught.value)


def test_a_host_that_dns_does_not_allow_is_not_looked_up() -> None:
    """It may fill a whole request's headers, and the look-up goes up its domains one by one."""
    site = Site(name="shop", hosts=("*.example.com",), cookie_domain=".example.com")
    sites = Sites((site,))
    assert sites.cookie_domain("a." * 100 + "example.com") == ".example.com"
    assert sites.cookie_domain("a." * 16_000 + "example.com") == ""


def test_an_app_names_its_site() -> None:
    assert LISTED.of(event(site="shop")) == "shop"
    assert LISTED.of(event("https://a.blog.example/", site="shop")) == "shop"
    for unknown in (event(site="other"), event()):
        with pytest.raises(MalformedEventError):
            LISTED.of(unknown)


def test_without_a_list_each_host_is_a_site() -> None:
    sites = Sites([])
    assert sites.of(event("https://shop.example:8443/a")) == "shop.example"
    assert sites.of(event(site="app")) == "app"
    assert sites.of(event()) is None


SITES = [{"name": "shop", "hosts": ["shop.example"]}, {"name": "app", "hosts": ["app.example"]}]
SHOP, STRANGER = "https://shop.example/a", "https://stranger.example/a"


async def test_events_of_other_hosts_become_dead_letters_with_a_reason(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, sites=SITES)) as app:
        for number, location in enumerate((SHOP, STRANGER)):
            assert (await request(app, beacon(f"b{number}", l=location)))[0] == 200
        body = batch(*({**EVENT, "e": f"p{number}", "l": location} for number, location in enumerate((SHOP, STRANGER))))
        status, _, answer = await request(app, "/csc-batch", "POST", body, Content_Type="text/plain")
        assert status == 200
        (rejected,) = json.loads(answer)["rejected"]
        assert rejected == {"index": 1, "reason": "the page's host is not one of the stack's sites"}
        events = [record(message) for message in all_of(app, "tracking-avro")]
        letters = all_of(app, "tracking-dead")
    assert {event["event_id"]: event["site"] for event in events} == {"b0": "shop", "p0": "shop"}
    assert {headers_of(letter)["reason"] for letter in letters} == {rejected["reason"]}
    assert len(letters) == 2


async def test_an_app_that_names_no_site_or_an_unknown_one_gets_400(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, sites=SITES)) as app:
        statuses = {}
        for name in ("app", "other", None):
            body = json.loads(JSON_BODY) | ({} if name is None else {"site": name})
            status, _, _ = await request(
                app, "/json-event?p=0:1:a", "POST", json.dumps(body).encode(), Content_Type="application/json"
            )
            statuses[name] = status
        (event,) = (record(message) for message in all_of(app, "tracking-avro"))
    assert statuses == {"app": 204, "other": 400, None: 400}
    assert event["site"] == "app"


async def test_who_asks_for_privacy_on_another_host_leaves_no_dead_letter(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, sites=SITES, privacy_signals="drop")) as app:
        assert (await request(app, beacon("b", l=STRANGER), Sec_GPC="1"))[0] == 200
        assert all_of(app, "tracking-dead") == []
        assert app.metrics.dropped["privacy_signal"] == 1


@pytest.mark.parametrize("sites", ['[{"name": "Shop", "hosts": ["a"]}]', '[{"name": "shop", "hosts": []}]', "[1]", "{"])
def test_a_list_that_cannot_be_used_stops_the_start(sites: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_SITES", sites)
    with pytest.raises(SettingsError, match=r"(?i)COLLECTOR_.*sites"):
        Settings.load()
