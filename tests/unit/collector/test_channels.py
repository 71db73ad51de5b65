"""How a visitor came: the table of channels, tags however they are written, and referrers that do not count."""

import csv
from pathlib import Path
from urllib.parse import urlencode

import pytest
from clickstream_service.settings import SettingsError
from collector.enrich.acquisition import Acquisition
from collector.model.campaign import CLICK_IDS
from collector.model.event import Event
from collector.model.page import Page
from collector.settings import Settings, Site

from tests.unit.collector.conftest import ROOT
from tests.unit.collector.sample_events import beacon, record
from tests.unit.collector.support import all_of, make_settings, request, running

TABLE = ROOT / "tests" / "unit" / "collector" / "channels.csv"
SHOP = Site(name="shop", hosts=("shop.example", "*.shop.example"), cookie_domain=".example-shop.example")
BLOG = Site(name="blog", hosts=("www.blog.example",))


def rows() -> list[list[str]]:
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    return list(csv.reader(lines))


def came(
    location: str | None, referrer: str | None = None, acquisition: Acquisition | None = None, site: str | None = None
) -> Event:
    """The event of a page view, as far as its channel goes."""
    event = Event("batch", 0)
    event.page = None if location is None else Page(location)
    event.referrer = None if referrer is None else Page(referrer)
    event.site = site
    (acquisition or Acquisition((), ())).apply(event)
    return event


@pytest.mark.parametrize(("rule", "source", "medium", "campaign", "click", "referrer", "channel"), rows())
def test_every_rule_gives_its_channel(
    rule: str, source: str, medium: str, campaign: str, click: str, referrer: str, channel: str
) -> None:
    tags = {"utm_source": source, "utm_medium": medium, "utm_campaign": campaign, click: "x1"}
    query = urlencode({name: value for name, value in tags.items() if name and value})
    assert came(f"https://own.example/?{query}", referrer or None).channel == channel, rule


def test_the_table_has_every_channel() -> None:
    """Those of Google Analytics 4, and AI Assistants."""
    assert {row[-1] for row in rows()} == {
        "Direct", "Cross-network", "Paid Shopping", "Paid Search", "Paid Social", "Paid Video", "Display", "Paid Other",
        "Organic Shopping", "Organic Social", "Organic Video", "Organic Search", "Referral", "Email", "Affiliates",
        "Audio", "SMS", "Mobile Push Notifications", "Unassigned", "AI Assistants",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("location", "tags"),
    [
        ("https://a.example/?utm_source=x&utm_medium=cpc", ("x", "cpc")),
        ("https://a.example/?UTM_Source=News%20Letter&Utm_Medium=EMAIL", ("News Letter", "EMAIL")),
        ("https://a.example/?utm_source=+x+&utm_medium=e+mail", ("x", "e mail")),
        ("https://a.example/?utm_source=%20x%0A", ("x", None)),
        ("https://a.example/?utm_source=&utm_source=x&utm_source=y", ("x", None)),
        ("https://a.example/?utm_source=caf%25C3%25A9", ("café", None)),
        ("https://a.example/?utm_source=caf%C3%A9", ("café", None)),
        ("https://a.example/?utm_source=100%25", ("100%", None)),
        ("https://a.example/?utm_source%3Dx%26utm_medium%3Dcpc", ("x", "cpc")),
        ("https://a.example/?a=1&amp;utm_source=x&amp;utm_medium=cpc", ("x", "cpc")),
        ("https://a.example/?a=1?utm_source=x&utm_medium=cpc", ("x", "cpc")),
        ("https://a.example/#/landing?utm_source=x&utm_medium=cpc", ("x", "cpc")),
        ("https://a.example/#!/landing?utm_source=x", ("x", None)),
        ("https://a.example/#utm_source=x&utm_medium=cpc", ("x", "cpc")),
        ("https://a.example/?utm_source=a#/l?utm_source=b&utm_medium=cpc", ("a", "cpc")),
        ("https://a.example/?utm_source=who?&utm_medium=a?b=c", ("who?", "a?b=c")),
        ("https://a.example/?mtm_source=x&mtm_medium=cpc", ("x", "cpc")),
        ("https://a.example/?pk_source=x&pk_medium=cpc", ("x", "cpc")),
        ("https://a.example/#section-2", (None, None)),
        ("https://a.example/#:~:text=utm_source=b", (None, None)),
        ("https://a.example/#utm_source=x:~:text=a", ("x", None)),
        ("https://a.example/?q=utm_source", (None, None)),
        ("https://a.example/?utm_source", (None, None)),
        ("https://shop.example/?utm_source=a&" + "&".join(f"f{number}=1" for number in range(201)), ("a", None)),
        ("https://shop.example/?" + "&".join(f"f{number}=1" for number in range(900)) + "&utm_source=a", ("a", None)),
    ],
)
def test_tags_are_read_however_they_are_written(location: str, tags: tuple[str | None, str | None]) -> None:
    parts = Page(location).parts
    assert (parts.get("utm_source"), parts.get("utm_medium")) == tags


@pytest.mark.parametrize("name", [click.name for click in CLICK_IDS.values()])
def test_a_click_id_is_recorded_with_its_name_in_query_and_fragment(name: str) -> None:
    for location in (f"https://a.example/?{name}=Ab1", f"https://a.example/#/x?{name.upper()}=Ab1"):
        parts = Page(location).parts
        assert (parts["click_id_name"], parts["click_id"]) == (name, "Ab1")


def test_of_several_click_ids_a_proof_of_payment_counts() -> None:
    parts = Page("https://a.example/?fbclid=a&gad_source=1&gbraid=b").parts
    assert (parts["click_id_name"], parts["click_id"]) == ("gbraid", "b")


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://shop.example:99999/path?utm_source=a", "shop.example", "/path"),
        ("http://ex\u2100mple.com/path?utm_source=a", "ex\u2100mple.com", "/path"),
        ("http://user:secret@ex\u2100mple.com:8000/path?utm_source=a", "ex\u2100mple.com", "/path"),
        ("https://[::1/path?utm_source=a", None, "/path"),
        ("https://shop.example/100%/a%zz|b c?x=%E9&utm_source=a", "shop.example", "/100%/a%zz|b c"),
    ],
)
def test_of_an_address_that_is_not_quite_one_the_rest_is_kept(url: str, host: str | None, path: str) -> None:
    parts = Page(url).parts
    assert (parts.get("host"), parts["path"], parts["utm_source"]) == (host, path, "a")


def test_a_host_longer_than_any_is_none() -> None:
    longest = ".".join(["a" * 49] * 5) + ".com"
    assert Page(f"https://{longest}/path").parts["host"] == longest
    parts = Page(f"https://{'a.' * 60_000}example/path?utm_source=a").parts
    assert (parts.get("host"), parts["path"], parts["utm_source"]) == (None, "/path", "a")


def test_a_query_that_is_encoded_again_and_again_is_given_up() -> None:
    def source(rounds: int) -> str | None:
        """Of a query in which every round of decoding but the last finds another sign of equality, and no tag."""

        def sign(hexadecimal: str, encoded: int) -> str:
            return f"%{'25' * encoded}{hexadecimal}"

        signs = "".join(f"x{sign('3D', number)}" for number in reversed(range(rounds - 1)))
        tag = f"utm_source{sign('3D', rounds - 1)}a{sign('26', rounds - 1)}"
        return Page(f"https://a.example/?{tag}{signs}").parts.get("utm_source")

    assert [source(rounds) for rounds in (1, 2, 3, 4, 300)] == ["a", "a", "a", None, None]


def test_of_hundreds_of_parameters_the_first_can_be_queried() -> None:
    query = Page("https://a.example/?" + "&".join(f"f{number}={number}" for number in range(300))).query
    assert (query["f0"], len(query)) == (["0"], 200)


@pytest.mark.parametrize(
    ("referrer", "site", "name"),
    [
        ("https://shop.example/cart", "shop", None),
        ("https://www.shop.example/", "shop", None),
        ("https://example-shop.example/", "shop", None),
        ("https://pay.example-shop.example/", "shop", None),
        ("https://notshop.example/", "shop", "notshop.example"),
        ("https://www.blog.example/", "shop", "blog.example"),
        ("https://blog.example/", "blog", None),
        ("https://img.blog.example/", "blog", None),
    ],
)
def test_the_sites_own_hosts_are_no_referring_sites(referrer: str, site: str, name: str | None) -> None:
    host = "https://checkout.shop.example/" if site == "shop" else "https://www.blog.example/x"
    event = came(host, referrer, Acquisition((SHOP, BLOG), ()), site)
    assert (event.referrer_name, event.channel) == (name, "Direct" if name is None else "Referral")


def test_a_site_below_another_ones_domain_is_a_site_of_its_own() -> None:
    both = Acquisition((Site(name="main", hosts=("example.com",)), Site(name="help", hosts=("help.example.com",))), ())
    main, help_ = "https://example.com/", "https://help.example.com/"
    assert came(main, help_, both, "main").referrer_name == "help.example.com"
    assert came(help_, main, both, "help").referrer_name == "example.com"
    assert came(main, "https://img.example.com/", both, "main").referrer_name is None


@pytest.mark.parametrize(
    ("referrer", "channel"),
    [
        ("https://own.example/", "Direct"),
        ("https://www.own.example/", "Direct"),
        ("https://shop.own.example/", "Direct"),
        ("https://nown.example/", "Referral"),
        ("https://example/", "Referral"),
    ],
)
def test_without_a_list_of_sites_a_domain_and_those_below_it_are_one(referrer: str, channel: str) -> None:
    assert came("https://own.example/", referrer).channel == channel
    assert came("https://www.own.example/", referrer).channel == channel


def test_a_return_from_a_payment_provider_is_direct_and_no_referring_site() -> None:
    acquisition = Acquisition((), ("paypal.com",))
    for referrer in ("https://paypal.com/", "https://www.paypal.com/checkout"):
        event = came("https://own.example/thanks", referrer, acquisition)
        assert (event.channel, event.referrer_name) == ("Direct", None)
    event = came("https://own.example/?utm_medium=email", "https://www.paypal.com/", acquisition)
    assert event.channel == "Email"
    assert came("https://own.example/", "https://notpaypal.com/", acquisition).channel == "Referral"


def test_referrer_spam_is_marked_as_a_bots_and_kept() -> None:
    spam = came("https://own.example/", "https://www.semalt.com/project.php")
    assert (spam.is_bot, spam.referrer_name, spam.channel) == (True, "semalt.com", "Referral")
    assert not came("https://own.example/", "https://semalt.example/").is_bot


@pytest.mark.parametrize(
    ("referrer", "name"),
    [
        ("https://l.facebook.com/l.php?u=x", "Facebook"),
        ("https://www.google.de/", "Google"),
        ("https://docs.google.com/", "Google Docs"),
        ("https://blog.example/a", "blog.example"),
        ("https://www.blog.example/a", "blog.example"),
        ("about:blank", None),
        ("no address", None),
    ],
)
def test_hosts_of_a_site_have_one_name(referrer: str, name: str | None) -> None:
    assert came("https://own.example/", referrer).referrer_name == name


async def test_records_have_channel_and_referring_site_by_the_settings(tmp_path: Path) -> None:
    came_from = {
        "paid": ("https://pay.example/return", "Direct", None),
        "own": ("https://example.com/", "Direct", None),
        "found": ("https://www.google.com/", "Organic Search", "Google"),
        "spam": ("https://semalt.com/", "Referral", "semalt.com"),
    }
    sites = [{"name": "shop", "hosts": ["example.com"]}]
    async with running(make_settings(tmp_path, sites=sites, ignored_referrers=("pay.example",))) as app:
        for number, (referrer, _, _) in came_from.items():
            await request(app, beacon(number, l="https://example.com/a", r=referrer))
        records = {event["event_id"]: event for event in map(record, all_of(app, "tracking-avro"))}
    found = {number: (event["channel"], event["referrer_name"]) for number, event in records.items()}
    assert found == {number: (channel, name) for number, (_, channel, name) in came_from.items()}
    assert records["spam"]["is_bot"]
    assert records["paid"]["referer_host"] == "pay.example"


@pytest.mark.parametrize("given", ["https://paypal.com", "PayPal.com", "paypal"])
def test_an_ignored_referrer_that_is_no_domain_stops_the_start(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_IGNORED_REFERRERS", f"stripe.com, {given}")
    with pytest.raises(SettingsError, match="COLLECTOR_IGNORED_REFERRERS"):
        Settings.load()


def test_an_event_without_a_page_has_a_channel() -> None:
    assert came(None).channel == "Direct"
    assert came(None, "https://www.google.com/").channel == "Organic Search"
