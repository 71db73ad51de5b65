"""Visits to the sites that a stack lists: who visits which, what is sent, and the comparison of each site."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from infra.config import StackConfig
from tests.support.stack_config import raw_config
from tests.unit.visitors.fake_platform import PASSWORD, USER, FakePlatform, chart
from tests.unit.visitors.fake_site import Site as Stack
from tests.unit.visitors.test_names import OUTPUTS
from visitors.__main__ import main
from visitors.access import Access
from visitors.behaviour import visits
from visitors.dashboard import Superset
from visitors.druid import Druid
from visitors.ledger import Ledger
from visitors.protocol import Run, events_of
from visitors.scenario import load
from visitors.sites import Answered, Site, SitesError, for_browsers, resolver_arguments, site_of_host
from visitors.synthetic import Synthetic
from visitors.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOP, NEWS = Site("shop", ("shop.test", "*.shop.test")), Site("news", ("news.test",))
ORIGIN = "http://localhost:8000"
STARTED = 1_795_000_000_000


def sites_of(config: str) -> tuple[Site, ...]:
    listed = StackConfig.parse("test", raw_config(sites=config)).sites.sites
    outputs = {**OUTPUTS, "sites": [site.model_dump(mode="json", by_alias=True) for site in listed]}
    return Access.of_outputs(json.dumps(outputs)).sites


def test_the_sites_are_those_of_the_stacks_outputs() -> None:
    config = '[{"name": "shop", "hosts": ["shop.test", "*.shop.test"]}, {"name": "news", "hosts": ["news.test"]}]'
    assert sites_of(config) == (SHOP, NEWS)
    assert site_of_host((SHOP, NEWS)) == {"shop.test": "shop", "www.shop.test": "shop", "news.test": "news"}
    assert Access.of_outputs(json.dumps(OUTPUTS)).sites == (), "a stack without that output"


def test_every_site_has_new_and_returning_visitors_at_the_stacks_port() -> None:
    run = Run("0123abcd", ORIGIN, STARTED, sites=(SHOP, NEWS))
    new: set[str] = set()
    returning: set[str] = set()
    seen: set[tuple[int, str]] = set()
    elsewhere: dict[int, set[str]] = {}
    for visit in visits(load("small")):
        origin = run.origin_of(visit)
        (returning if run.identity(visit) in seen else new).add(origin)
        seen.add(run.identity(visit))
        elsewhere.setdefault(visit.visitor, set()).add(run.party_id(visit))
    hosts = {f"http://{host}:8000" for host in ("shop.test", "www.shop.test", "news.test")}
    assert new == hosts
    assert {origin.removeprefix("http://www.").removeprefix("http://") for origin in returning} >= {
        "shop.test:8000",
        "news.test:8000",
    }
    assert max(map(len, elsewhere.values())) == 2, "who also visits the other site has another cookie there"


def test_without_a_list_all_visits_are_to_the_stack_itself() -> None:
    run = Run("0123abcd", ORIGIN, STARTED)
    assert {run.origin_of(visit) for visit in visits(load("small"))} == {ORIGIN}


def test_visits_come_from_the_sites_pages_and_go_to_the_stack() -> None:
    scenario = load("small").model_copy(update={"events_per_second": 100_000})
    with Stack() as stack:
        own = Site("own", ("127.0.0.1",))
        run = Run("0123abcd", f"http://127.0.0.1:{stack.server.server_port}", STARTED, sites=(SHOP, own))
        ledger = Ledger(run.name, scenario.name, STARTED, sites=site_of_host(run.sites))
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            loop.run_until_complete(Synthetic(scenario, run, ledger, lambda _: None).send())
    people = [headers for _, _, headers in stack.requests if "Origin" in headers]
    assert {urlsplit(headers["Origin"]).hostname for headers in people} == {"shop.test", "www.shop.test", "127.0.0.1"}
    for headers in people:
        is_own = headers["Origin"] == run.origin
        assert headers["Sec-Fetch-Site"] == ("same-origin" if is_own else "cross-site")
        assert ("Cookie" in headers) is is_own, "other origins' requests bring no cookies of the page's"
        assert headers["Referer"].startswith(f"{headers['Origin']}/")
    sent = ledger.sent("site", "events")
    assert sent.keys() == {"shop", "own"}
    assert sum(sent.values()) == ledger.acknowledged
    new, all_of_them = ledger.sent("site", "new_visitors"), ledger.sent("site", "sessions")
    assert all(0 < new[site] < all_of_them[site] for site in sent)


def test_browsers_find_sites_at_the_stack_whatever_dns_says() -> None:
    own = Site("own", ("localhost",))
    assert resolver_arguments(ORIGIN, (SHOP, own)) == (
        "--host-resolver-rules=MAP shop.test localhost,MAP www.shop.test localhost",
        "--unsafely-treat-insecure-origin-as-secure=http://shop.test:8000,http://www.shop.test:8000",
    )
    assert resolver_arguments(ORIGIN, (own,)) == resolver_arguments(ORIGIN, ()) == ()


def test_browsers_open_only_names_that_the_stack_answers() -> None:
    every = Answered()
    assert for_browsers(ORIGIN, (SHOP, NEWS), every) == (
        Site("shop", ("shop.test", "www.shop.test")), Site("news", ("news.test",))
    )  # fmt: skip
    assert for_browsers("https://a.shop.test", (SHOP, NEWS), every) == (Site("shop", ("a.shop.test",)),)
    assert for_browsers("https://clicks.test", (), every) == ()
    with pytest.raises(SitesError, match=r"pages are at clicks\.test only.*make visitors"):
        for_browsers("https://clicks.test", (SHOP, NEWS), every)
    two = Answered(("clicks.test", "news.test"), redirects_www=True)
    assert for_browsers("https://clicks.test", (SHOP, NEWS), two) == (Site("news", ("news.test",)),)
    moved = Answered(("shop.test",), redirects_www=True)
    assert for_browsers("http://shop.test", (SHOP,), moved) == (Site("shop", ("shop.test",)),)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("0123abcd", "small", STARTED, sites=site_of_host((SHOP, NEWS)))


@pytest.fixture
def platform(ledger: Ledger) -> Iterator[FakePlatform]:
    """Holds exactly what the ledger says."""
    run = Run(ledger.run, ORIGIN, STARTED, sites=(SHOP, NEWS))
    charts = [
        chart("Countries", groupby=["country"], metrics=["unique_visitors", "page_views"]),
        chart("Visitors", metric="unique_visitors"),
    ]
    seen: set[tuple[int, str]] = set()
    with FakePlatform(charts) as platform:
        for visit in visits(load("small")):
            returning = run.identity(visit) in seen
            seen.add(run.identity(visit))
            for event in events_of(visit, run, STARTED, returning=returning):
                ledger.add(visit, event, event["c"])
                host = urlsplit(event["l"]).hostname
                platform.put(
                    __time=event["c"], party_id=event["p"], session_id=event["s"], event_id=event["e"],
                    event_type=event["t"], country=visit.group.country,
                    browser_language_name=visit.group.language, browser_name=visit.group.browser,
                    os_name=visit.group.os, path=urlsplit(event["l"]).path, is_bot=int(visit.bot),
                    is_new_party=int(event["n"]), host=host, site="news" if host == "news.test" else "shop",
                )  # fmt: skip
        yield platform


def seen_in(platform: FakePlatform, ledger: Ledger, *, trusted: bool = True) -> set[tuple[str, str, str, str]]:
    superset = Superset(platform.url, USER, PASSWORD, ("clickstream",))
    found = verify(ledger, Druid(platform.url), superset, patience=0, addresses_trusted=trusted)
    return {(each.source, each.dimension, each.value, each.metric) for each in found.differences}


def test_each_chart_is_compared_for_each_site(ledger: Ledger, platform: FakePlatform) -> None:
    assert seen_in(platform, ledger) == set()
    filters = [each for query in platform.queries for each in query["filters"] if each["col"] == "site_or_host"]
    assert [each["val"] for each in filters] == [["news"], ["shop"]] * 2
    numbers = [ledger.of_site(site).sent("total", "events")["all"] for site in ("shop", "news")]
    assert sum(numbers) == ledger.acknowledged


def test_a_visit_attributed_to_the_wrong_site_is_reported(ledger: Ledger, platform: FakePlatform) -> None:
    party = "(SELECT party_id FROM clickstream WHERE site = 'news' AND is_bot = 0 LIMIT 1)"
    platform.change(f"UPDATE clickstream SET site = 'shop' WHERE party_id = {party}")  # noqa: S608  # ours
    found = seen_in(platform, ledger)
    assert {("Druid", "site", "news", "sessions"), ("Druid", "site", "shop", "events")} <= found
    for site in ("news", "shop"):
        assert (f"clickstream: Visitors, site {site}", "total", "all", "unique_visitors") in found
    assert not any(source == "clickstream: Visitors" for source, *_ in found), "in total nothing is missing"


def test_sites_are_compared_even_if_no_address_is_trusted(ledger: Ledger, platform: FakePlatform) -> None:
    platform.change("UPDATE clickstream SET country = NULL, country_code = NULL")
    assert seen_in(platform, ledger)
    assert seen_in(platform, ledger, trusted=False) == set()


def test_browsers_need_the_shop_and_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {**OUTPUTS, "origin": ORIGIN, "websiteContent": "none"}
    del outputs["website"]
    assert Access.of_outputs(json.dumps(outputs)).website == ORIGIN, "synthetic visits need a collector alone"
    (tmp_path / "outputs.json").write_text(json.dumps(outputs))
    command = ["visitors", "run", "browsers", "--browsers", "--outputs", str(tmp_path / "outputs.json")]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 2
    said = capsys.readouterr().err
    assert "the stack has website: none. Set clickstream:website to demo, or send synthetic visits" in said
