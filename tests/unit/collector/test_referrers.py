"""The lists of referring sites fit together."""

import tomllib
from itertools import chain

import pytest
from collector.enrich.channels import CHANNEL_OF_KIND
from collector.enrich.referrers import Referrer, expanded, referrer_list
from collector.model.lists import DATA, rows

ADDITIONS = tomllib.loads((DATA / "additions.toml").read_text())
ADDED = list(chain.from_iterable(expanded(site["hosts"]) for sites in ADDITIONS.values() for site in sites.values()))


def test_every_kind_has_a_channel() -> None:
    assert {*ADDITIONS, "spam", *(kind for _, kind, _ in rows("referrers.csv"))} == set(CHANNEL_OF_KIND)


def test_our_additions_are_hosts_and_repeat_none() -> None:
    assert sorted(ADDED) == sorted(set(ADDED))
    assert [host for host in ADDED if host.startswith("www.") or "/" in host or "{" in host or "." not in host] == []


def test_no_spammer_is_a_known_site_and_all_are_spam() -> None:
    spammers = [host for (host,) in rows("spam.txt")]
    assert not {host.lower() for host in ADDED} & set(spammers)
    assert {referrer_list().of_host(host).kind for host in spammers} == {"spam"}


def test_a_list_in_braces_stands_for_each() -> None:
    assert list(expanded(["a.{de,co.uk}", "{m,l}.b.{com,org}", "c.com"])) == [
        "a.de", "a.co.uk", "m.b.com", "m.b.org", "l.b.com", "l.b.org", "c.com",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("www.google.de", Referrer("Google", "search")),
        ("m.google.de", Referrer("Google", "search")),
        ("mail.google.com", Referrer("Gmail", "email")),
        ("photos.google.com", Referrer("photos.google.com", "other")),
        ("google.com.evil.example", Referrer("google.com.evil.example", "other")),
        ("uk.pinterest.com", Referrer("Pinterest", "social")),
        ("eur05.safelinks.protection.outlook.com", Referrer("Outlook.com", "email")),
        ("notfacebook.com", Referrer("notfacebook.com", "other")),
        ("com", Referrer("com", "other")),
        ("", Referrer("", "other")),
    ],
)
def test_a_host_is_that_of_the_closest_listed_domain(host: str, site: Referrer) -> None:
    assert referrer_list().of_host(host) == site


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("google", "search"), ("fb", "social"), ("m.facebook.com", "social"), ("https://www.bing.com/", "search"),
        ("chatgpt.com", "ai"), ("vimeo", "video"), ("ebay", "shopping"), ("gmail", "email"), ("letter", "other"),
        ("docs.google.com", "other"), ("criteo", "other"), ("a." * 200 + "facebook.com", "other"),
    ],
)  # fmt: skip
def test_the_source_of_a_campaign_is_known_by_name_and_by_host(source: str, kind: str) -> None:
    assert referrer_list().kind_of_source(source) == kind
