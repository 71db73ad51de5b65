"""A list of sites is checked before anything is deployed, and the collector reads it as it was given."""

from __future__ import annotations

from typing import Any

import pytest

from infra.config import ConfigError, StackConfig
from infra.config.sites import given_keys, is_public_suffix
from tests.support.stack_config import raw_config


def stack(*sites: dict[str, Any]) -> StackConfig:
    return StackConfig.parse("test", raw_config(sites=list(sites)))


def site(name: str, *hosts: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "hosts": list(hosts), **more}


def test_without_a_list_there_are_no_sites() -> None:
    assert stack().sites.sites == ()
    assert stack().sites.as_json == "[]"


@pytest.mark.parametrize(
    "sites",
    [
        [site("shop", "shop.example.com"), site("blog", "blog.example.com", "*.blog.example.com")],
        [site("all", "example.com", "*.example.com", cookieDomain=".example.com")],
        [site("test", "localhost", "127.0.0.1"), site("idn", "xn--bcher-kva.example")],
        [site("pages", "me.github.io", cookieDomain="me.github.io")],
    ],
)
def test_sites_that_can_be_told_apart_are_accepted(sites: list[dict[str, Any]]) -> None:
    assert [one.name for one in stack(*sites).sites.sites] == [one["name"] for one in sites]


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ([site("shop", "https://Shop.example.com/")],
         "clickstream:sites[0].hosts[0]: 'https://Shop.example.com/' given; allowed: a host as browsers send it, "
         "without scheme, port or path: shop.example.com"),
        ([site("shop", "shop.example.com:8443")], "without scheme, port or path: shop.example.com"),
        ([site("shop", "*.Shop.example.com")], "without scheme, port or path: *.shop.example.com"),
        ([site("shop", "bücher.example")], "without scheme, port or path: xn--bcher-kva.example"),
        ([site("shop", "shop..example")], "without scheme, port or path: shop.example.com"),
        ([site("shop", "a*.example.com")], "a host as browsers send it"),
        ([site("all", "*.co.uk")], "anybody can register a name under co.uk"),
        ([site("all", "*.github.io")], "anybody can register a name under github.io"),
        ([site("My Shop", "shop.example.com")], "clickstream:sites[0].name: 'My Shop' given; allowed: up to 40"),
        ([site("shop")], "clickstream:sites[0].hosts: [] given; allowed: at least one host"),
        ([{"name": "shop"}], "clickstream:sites[0].hosts: not set"),
        ([{"name": "shop", "hosts": ["a.example"], "host": "b.example"}], "clickstream:sites[0].host: "),
        ([site("a", "a.example"), site("a", "b.example")], "sites: a is listed 2 times"),
        ([site("a", "a.example"), site("b", "a.example")], "host a.example is listed twice, for a and b"),
        ([site("a", "a.example", "a.example")], "host a.example is listed twice, for a and a"),
        ([site("a", "*.example.com"), site("b", "b.example.com")],
         "host *.example.com of a overlaps with b.example.com of b"),
        ([site("a", "x.b.example.com"), site("b", "*.example.com")], "overlaps"),
        ([site("a", "*.example.com"), site("b", "*.b.example.com")], "overlaps"),
        ([site("a", "a.co.uk", cookieDomain=".co.uk")],
         "clickstream:sites[0]: site a: cookieDomain is .co.uk, a public suffix"),
        ([site("a", "a.example", "b.example", cookieDomain="a.example")], "host b.example is not in that domain"),
        ([site("a", "nota.example", cookieDomain="a.example")], "host nota.example is not in that domain"),
        ([site("a", "a.example", viewer="Ann O'Nymous")],
         "clickstream:sites[0].viewer: \"Ann O'Nymous\" given; allowed: a lower-case letter, then letters"),
        ([site("a", "a.example"), site("b", "b.example", viewer="admin")],
         "clickstream:sites[1].viewer: 'admin' given, the same as adminUser, who sees all sites"),
        ([site("a", "a.example", viewer="viewer")],
         "clickstream:sites[0].viewer: 'viewer' given, the same as viewerUser, who sees all sites"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_place_and_what_to_do(sites: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        stack(*sites)
    assert said in str(caught.value)


OWN, OTHER = "own-key-" + "s3cr3t" * 5, "other-key-" + "s3cr3t" * 5


def own(name: str, key: str = OWN) -> dict[str, str]:
    return {"name": name, "key": key}


def test_a_write_key_has_a_name_and_is_generated_or_given() -> None:
    config = stack(site("shop", "a.example", writeKeys=["backend", own("app"), own("till", OTHER)]))
    keys = config.sites.sites[0].write_keys
    assert [(key.name, key.key is None) for key in keys] == [("backend", True), ("app", False), ("till", False)]
    assert "s3cr3t" not in repr(config)
    assert "s3cr3t" not in f"{config.sites.as_json} {config.sites.sites[0].public}"
    assert config.sites.sites[0].public["hosts"] == ["a.example"]
    assert "writeKeys" not in config.sites.sites[0].public


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            ([own("app", "s3cr3t")], []),
            "clickstream:sites[0].writeKeys[0].key: a secret given; allowed: 32 to",
        ),
        (
            (["x", own("app", "s3cr3t " * 8)], []),
            "clickstream:sites[0].writeKeys[1].key: a secret given; allowed: 32 to",
        ),
        (
            ([own("app")], [own("app")]),
            "clickstream:sites[1].writeKeys[0].key: the same key as clickstream:sites[0].writeKeys[0].key",
        ),
        (
            ([own("app"), own("till")], []),
            "clickstream:sites[0].writeKeys[1].key: the same key as clickstream:sites[0].writeKeys[0].key",
        ),
        ((["app", own("app")], []), "clickstream:sites[0].writeKeys[1]: a has another key named app"),
        (([], ["S3CR3T" * 8]), "clickstream:sites[1].writeKeys[0].name: a secret given; allowed: a name of up to 40"),
        (([], "s3cr3t"), "clickstream:sites[1].writeKeys: a secret given"),
        (([{"name": "app", "value": "s3cr3t"}], []), "clickstream:sites[0].writeKeys[0].value: there is no such key"),
    ],
)
def test_a_bad_write_key_is_located_and_never_printed(keys: tuple[Any, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        stack(site("a", "a.example", writeKeys=keys[0]), site("b", "b.example", writeKeys=keys[1]))
    assert said in str(caught.value)
    assert "s3cr3t" not in str(caught.value).lower()


def test_the_value_of_an_unknown_key_is_not_printed() -> None:
    for name in ("writeKey", "secret"):
        with pytest.raises(ConfigError) as caught:
            stack(site("a", "a.example", **{name: "s3cr3t"}))
        assert f"clickstream:sites[0].{name}: there is no such key" in str(caught.value)
        assert "s3cr3t" not in str(caught.value)


def test_given_keys_are_located_in_an_unchecked_list() -> None:
    assert list(given_keys([{}, {"writeKeys": ["a", own("b"), {"name": "c"}]}, 5])) == ["[1].writeKeys[1].key"]
    assert list(given_keys("[")) == []


def test_sites_can_share_a_viewer_or_have_no_viewer() -> None:
    sites = [site(name, f"{name}.example", viewer=viewer) for name, viewer in (("a", "ann"), ("b", ""), ("c", "ann"))]
    assert stack(*sites, site("d", "d.example", viewer="ben")).sites.viewers == {"ann": ("a", "c"), "ben": ("d",)}
    assert stack(site("a", "a.example")).sites.viewers == {}


def test_suffixes_are_those_of_the_public_list() -> None:
    assert [is_public_suffix(domain) for domain in ("com", "co.uk", "github.io", "example.com", "a.co.uk")] == [
        True, True, True, False, False,
    ]  # fmt: skip
