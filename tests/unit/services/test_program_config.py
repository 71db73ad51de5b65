"""Sites and write keys that the program accepts are accepted by the collector.

Each has patterns of its own, for a service imports nothing of the program.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from collector.enrich.write_keys import WriteKeys
from collector.settings import Settings
from pydantic import TypeAdapter, ValidationError

from infra.config import ConfigError, StackConfig
from infra.config.sites import WriteKey
from tests.support.stack_config import raw_config

if TYPE_CHECKING:
    from pathlib import Path

GOOD_KEY = "k" * 32


@pytest.mark.parametrize(
    ("key", "is_usable"),
    [
        (GOOD_KEY, True),
        ("k" * 31, False),
        ("k" * 256, True),
        ("k" * 257, False),
        ("aZ09._~+/-" * 4, True),
        (GOOD_KEY + "==", True),
        ("==" + GOOD_KEY, False),
        (GOOD_KEY + " ", False),
        (GOOD_KEY + "\n", False),
        ("ä" * 32, False),
        ("", False),
    ],
)
def test_both_accept_the_same_write_keys(tmp_path: Path, key: str, *, is_usable: bool) -> None:
    try:
        TypeAdapter(WriteKey).validate_python({"name": "backend", "key": key})
        is_configurable = True
    except ValidationError:
        is_configurable = False
    file = tmp_path / "keys"
    file.write_text(json.dumps({"shop": [key]}))
    try:
        WriteKeys.load(file, ["shop"])
        is_loaded = True
    except ValueError:
        is_loaded = False
    assert (is_configurable, is_loaded) == (is_usable, is_usable)


@pytest.mark.parametrize("domain", ["", "example.com", ".example.com", "shop.example.co.uk", ".xn--bcher-kva.example"])
def test_the_collector_takes_each_cookie_domain_that_the_program_takes(domain: str) -> None:
    host = domain.removeprefix(".") or "example.com"
    site = {"name": "shop", "hosts": [host, f"*.{host}"], "cookieDomain": domain}
    config = StackConfig.parse("test", raw_config(sites=[site]))
    settings = Settings.model_validate({"sites": json.loads(config.sites.as_json), "cookie_domain": domain})
    assert [(one.name, one.hosts, one.cookie_domain) for one in settings.sites] == [
        ("shop", (host, f"*.{host}"), domain)
    ]


@pytest.mark.parametrize("domain", ["com", "example..com", "https://example.com", "example.com:80", "a b.example.com"])
def test_both_refuse_what_is_no_cookie_domain(domain: str) -> None:
    site: dict[str, Any] = {"name": "shop", "hosts": ["example.com"], "cookieDomain": domain}
    with pytest.raises(ConfigError, match="cookieDomain"):
        StackConfig.parse("test", raw_config(sites=[site]))
    with pytest.raises(ValidationError, match="cookie_domain"):
        Settings.model_validate({"cookie_domain": domain})
