"""Certificates by ACME: from an authority that checks, as Let's Encrypt does, who answers at the domain."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.services.edge.rig import PASSWORD, Backend, Containers, Edge, healthy, until
from tests.support.container_exec import execute
from tests.support.images import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker.models.containers import Container

DOMAIN, OTHER, AUTHORITY = "shop.test", "blog.test", "authority.test"
SUBDOMAINS = tuple(f"{name}.{DOMAIN}" for name in ("superset", "druid", "kafka"))
# Caddy is an authority too, and one that looks at port 80 or 443 of whoever wants a certificate.
AUTHORITY_CADDYFILE = f"""
{{
	admin off
	skip_install_trust
	storage file_system /data/caddy
}}
https://{AUTHORITY} {{
	tls internal
	acme_server
}}
"""


@pytest.fixture(scope="module")
def root(containers: Containers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root certificate of an authority on the test's network."""
    folder = tmp_path_factory.mktemp("authority")
    folder.chmod(0o755)
    (folder / "Caddyfile").write_text(AUTHORITY_CADDYFILE)
    authority = containers.run(
        build("edge"),
        [AUTHORITY],
        entrypoint=["caddy", "run", "--adapter", "caddyfile", "--config", "/etc/authority/Caddyfile"],
        volumes={str(folder): {"bind": "/etc/authority", "mode": "ro"}},
    )
    path = "/data/caddy/pki/authorities/local/root.crt"
    made = until("the authority's certificate", lambda: _read(authority, path))
    file = folder / "root.crt"
    file.write_bytes(made)
    return file


def _read(container: Container, path: str) -> bytes:
    code, output = execute(container, ["cat", path])
    return output if code == 0 else b""


@pytest.fixture(scope="module")
def edge(containers: Containers, gateway: str, backend: Backend, root: Path) -> Edge:
    """At the domain, with names of their own for the consoles."""
    environment = {
        "EDGE_TLS": "acme",
        "EDGE_DOMAIN": DOMAIN,
        "EDGE_DOMAINS": OTHER,
        "EDGE_REDIRECT_WWW": "true",
        "EDGE_EMAIL": f"ops@{DOMAIN}",
        "EDGE_ADMIN_SUBDOMAINS": "true",
        "EDGE_ACME_DIRECTORY": f"https://{AUTHORITY}/acme/local/directory",
        "EDGE_HTTP_PORT": "80",
        "EDGE_HTTPS_PORT": "443",
        "SSL_CERT_FILE": "/etc/authority/root.crt",
    }
    names = [DOMAIN, OTHER, f"www.{DOMAIN}", f"www.{OTHER}", *SUBDOMAINS]
    running = containers.edge_with(
        gateway, backend, environment, names=names, files={str(root): "/etc/authority/root.crt"}
    )
    until("the edge's health", healthy(running.container, 2021))
    return running


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[httpx.Client]:
    """Trusts that authority and nobody else."""
    with httpx.Client(verify=ssl.create_default_context(cafile=str(root)), timeout=30) as client:
        yield client


def get(client: httpx.Client, edge: Edge, name: str, path: str = "/", password: str = "") -> httpx.Response:
    """From the edge under one of its names, which no DNS knows here."""
    url, extensions = f"https://{edge.address}{path}", {"sni_hostname": name}
    return client.get(url, headers={"Host": name}, extensions=extensions, auth=("admin", password))


@pytest.mark.parametrize("name", [DOMAIN, OTHER, f"www.{DOMAIN}", f"www.{OTHER}"])
def test_a_domain_gets_a_certificate_that_its_authority_signed(root: Path, edge: Edge, name: str) -> None:
    # On a connection of its own: one that is open already shows no certificate.
    with httpx.Client(verify=ssl.create_default_context(cafile=str(root)), timeout=30) as client:
        answer = until(f"a certificate for {name}", lambda: get(client, edge, name, "/csc-event"), seconds=60)
    assert answer.text == "ok"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("name", [f"druid.{DOMAIN}", f"kafka.{DOMAIN}"])
def test_a_console_has_a_name_a_certificate_and_a_login(client: httpx.Client, edge: Edge, name: str) -> None:
    refused = until(f"a certificate for {name}", lambda: get(client, edge, name), seconds=60)
    assert refused.status_code == httpx.codes.UNAUTHORIZED
    assert get(client, edge, name, password=PASSWORD).text == "ok"


def test_plain_http_is_sent_to_https(edge: Edge) -> None:
    redirect = httpx.get(f"http://{edge.address}/cart?a=1", headers={"Host": DOMAIN})
    assert (redirect.status_code, redirect.headers["Location"]) == (308, f"https://{DOMAIN}/cart?a=1")


def test_a_restart_keeps_the_certificate(client: httpx.Client, edge: Edge) -> None:
    """Let's Encrypt gives a name few certificates a week."""
    until("a certificate", lambda: get(client, edge, DOMAIN, "/csc-event"), seconds=60)
    before = _serial(edge)
    edge.container.restart()
    until("the edge's health", healthy(edge.container, 2021))
    assert _serial(edge) == before


def _serial(edge: Edge) -> bytes:
    """Of the file in the volume, which is what a new container starts with."""
    code, files = execute(edge.container, ["sh", "-c", f"cat /data/caddy/certificates/*/{DOMAIN}/{DOMAIN}.crt"])
    assert code == 0, files
    return files
