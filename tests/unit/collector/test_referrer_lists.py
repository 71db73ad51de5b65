"""The lists of referring sites: what is checked in comes from the pinned packages, and is fit for use."""

import tomllib
from pathlib import Path

import pytest
from collector.enrich.channels import CHANNEL_OF_KIND
from collector.enrich.referrers import ReferrerList, expanded

from infra.versions import VERSIONS
from tools.referrer_lists import DATA, KINDS, REFERRERS, SPAM, referrers, spam


@pytest.mark.parametrize(("file", "version"), [(REFERRERS, "REFERRERS_INTEGRITY"), (SPAM, "SPAMMERS_INTEGRITY")])
def test_a_list_is_that_of_the_pinned_package(file: Path, version: str) -> None:
    """After a change of the version: python -m tools.referrer_lists."""
    assert VERSIONS[version] in file.read_text()


def test_hosts_are_taken_over_in_lower_case_without_www_and_paths() -> None:
    given = {
        "www.Big.example": {"medium": "search", "source": "Big"},
        "maps.big.example": {"medium": "unknown", "source": "Big"},
        "big.example/images": {"medium": "search", "source": "Big Images"},
        "nickname": {"medium": "social", "source": "Nick"},
    }
    rows = [line for line in referrers(given, "sha512-x").splitlines() if not line.startswith("#")]
    assert rows == ["big.example,search,Big", "maps.big.example,other,maps.big.example"]


def test_spammers_are_sorted_and_named_once() -> None:
    text = spam(["b.example", "", "www.a.example", "B.example "], "a file")
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["a.example", "b.example"]


def test_every_kind_has_a_channel() -> None:
    additions = tomllib.loads((DATA / "additions.toml").read_text())
    assert {*additions, *KINDS.values(), "spam"} == set(CHANNEL_OF_KIND)


def test_our_additions_repeat_no_host() -> None:
    additions = tomllib.loads((DATA / "additions.toml").read_text())
    hosts = [host for sites in additions.values() for site in sites.values() for host in expanded(site["hosts"])]
    assert sorted(hosts) == sorted(set(hosts))
    assert [host for host in hosts if host.startswith("www.") or "/" in host or "{" in host] == []


def test_no_spammer_is_a_known_site() -> None:
    spammers = [line for line in SPAM.read_text().splitlines() if not line.startswith("#")]
    additions = tomllib.loads((DATA / "additions.toml").read_text())
    known = {host for sites in additions.values() for site in sites.values() for host in expanded(site["hosts"])}
    assert not known & set(spammers)
    assert {ReferrerList().of_host(host).kind for host in spammers} == {"spam"}
