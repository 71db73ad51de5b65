"""What the settings make of the Caddyfile: the configuration that Caddy reads from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.services.edge.rig import Backend, Containers

    Adapt = Callable[[dict[str, str]], tuple[Any, str]]

# In place of caddy: prints the configuration, and hashes without the salt that makes each hash another one.
ADAPT = """#!/bin/sh
case $1 in
run) shift; exec /usr/bin/caddy adapt "$@";;
hash-password) cat >/dev/null; echo '$2a$14$abcdefghijklmnopqrstuuJQpfS8YpGzF0cJd0L1H7c5sVh8TnQyG';;
*) exec /usr/bin/caddy "$@";;
esac
"""
ACME = {"EDGE_TLS": "acme", "EDGE_DOMAIN": "shop.test", "EDGE_EMAIL": "a@shop.test"}
ZEROSSL = "https://acme.zerossl.com/v2/DV90"
STAGING, OWN = "https://acme-staging-v02.api.letsencrypt.org/directory", "https://authority.test/directory"


@pytest.fixture
def adapt(containers: Containers, gateway: str, backend: Backend, tmp_path: Path) -> Adapt:
    """Settings to the configuration and the messages, without a server and without a certificate."""
    script = tmp_path / "caddy"
    script.write_text(ADAPT)
    script.chmod(0o755)

    def adapted(environment: dict[str, str]) -> tuple[Any, str]:
        files = {str(script): "/usr/local/bin/caddy"}
        container = containers.edge_with(gateway, backend, environment, files=files).container
        ended, messages = container.wait(timeout=60), container.logs(stdout=False).decode()
        assert ended["StatusCode"] == 0, messages
        return json.loads(container.logs(stderr=False)), messages

    return adapted


@pytest.mark.parametrize(
    ("environment", "authorities"),
    [
        # Caddy's own choice: Let's Encrypt, and ZeroSSL after it.
        ({"EDGE_ACME_STAGING": "false"}, [("acme", None), ("acme", ZEROSSL)]),
        ({"EDGE_ACME_STAGING": "true"}, [("acme", STAGING)]),
        ({"EDGE_ACME_STAGING": "true", "EDGE_ACME_DIRECTORY": OWN}, [("acme", OWN)]),
    ],
)
def test_certificates_come_from_the_chosen_authority(
    adapt: Adapt, environment: dict[str, str], authorities: list[tuple[str, str | None]]
) -> None:
    config, _ = adapt({**ACME, **environment})
    issuers = config["apps"]["tls"]["automation"]["policies"][0]["issuers"]
    assert [(issuer["module"], issuer.get("ca")) for issuer in issuers] == authorities
    assert {issuer["email"] for issuer in issuers} == {"a@shop.test"}


def test_a_setting_that_is_empty_has_its_default(adapt: Adapt) -> None:
    settings = (
        "TLS",
        "DOMAIN",
        "DOMAINS",
        "REDIRECT_WWW",
        "EMAIL",
        "ACME_STAGING",
        "TRUSTED_PROXIES",
        "COLLECTOR_PATHS",
        "ADMIN_USER",
        "ACCESS_LOG",
    )
    assert adapt(dict.fromkeys((f"EDGE_{name}" for name in settings), ""))[0] == adapt({})[0]


def test_the_caddyfile_is_formatted_and_without_warnings(adapt: Adapt) -> None:
    _, messages = adapt({})
    assert "warn" not in messages
