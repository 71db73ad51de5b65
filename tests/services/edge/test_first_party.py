"""The recipes of docs/first-party.md: a site's own nginx or Caddy in front of the edge, over verified TLS."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

import httpx
import pytest
from collector.enrich.address import ClientAddresses

from infra.paths import ROOT
from tests.services.edge.rig import Backend, Containers, healthy, until
from tests.support.container_exec import execute
from tests.support.images import build

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "clickstream.example.com"
"""The platform's name in the recipes."""
PORT: Final = 8100
SERVERS: Final = {
    "nginx": (
        "website",
        ["nginx", "-c", "/site.conf", "-g", "daemon off;"],
        "pid /tmp/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n"
        "client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u;\n"
        "scgi_temp_path /tmp/s; access_log off;\nserver {{\nlisten {port};\n{recipe}\n}}\n}}\n",
    ),
    "caddyfile": (
        "edge",
        ["caddy", "run", "--config", "/site.conf", "--adapter", "caddyfile"],
        "{{\nadmin off\nauto_https off\n}}\nhttp://:{port} {{\n{recipe}\n}}\n",
    ),
}


def recipe(language: str) -> str:
    """The code block of a language in the document."""
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs/first-party.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def network_range(containers: Containers) -> str:
    """The addresses of the user's servers, without the visitor's, which is the network's gateway."""
    containers.network.reload()
    subnet = IPv4Network(containers.network.attrs["IPAM"]["Config"][0]["Subnet"])
    gateway = IPv4Network(containers.network.attrs["IPAM"]["Config"][0]["Gateway"])
    return " ".join(map(str, subnet.address_exclude(gateway)))


@pytest.fixture(scope="module")
def authority(
    containers: Containers,
    gateway: str,
    backend: Backend,
    network_range: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Start an edge that trusts the user's servers; a file with the authority behind its certificate."""
    edge = containers.edge_with(
        gateway,
        backend,
        {"EDGE_TLS": "internal", "EDGE_DOMAIN": NAME, "EDGE_TRUSTED_PROXIES": network_range},
        names=[NAME],
    )
    until("the edge's health", healthy(edge.container, 2021))
    file = tmp_path_factory.mktemp("authority") / "root.crt"
    command = ["cat", "/data/caddy/pki/authorities/local/root.crt"]
    file.write_bytes(
        until("its authority", lambda: (done := execute(edge.container, command)).code == 0 and done.output)
    )
    return file


@pytest.fixture(scope="module", params=SERVERS)
def site(
    request: pytest.FixtureRequest, containers: Containers, authority: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Start the user's own server, in front of the edge; its address."""
    image, command, frame = SERVERS[request.param]
    file = tmp_path_factory.mktemp("site") / "site.conf"
    upstream = recipe(request.param).replace(f"https://{NAME}", f"https://{NAME}:8443")
    file.write_text(frame.format(port=PORT, recipe=upstream))
    container = containers.run(
        build(image),
        entrypoint=command,
        volumes={
            str(file): {"bind": "/site.conf", "mode": "ro"},
            str(authority): {"bind": "/etc/ssl/certs/ca-certificates.crt", "mode": "ro"},
        },
    )
    address = container.attrs["NetworkSettings"]["Networks"][containers.network.name]["IPAddress"]
    url = f"http://{address}:{PORT}"
    until("the site's own server", lambda: httpx.get(url))
    return url


def test_endpoints_are_reached_and_the_visitors_address_survives(
    site: str, backend: Backend, gateway: str, network_range: str
) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6"}
    answer = until("the endpoint", lambda: httpx.post(f"{site}/c/csc-batch?x=1", content=b"{}", headers=forged))
    assert answer.text == "ok"
    path, headers = backend.requests[-1]
    assert path == "/csc-batch?x=1"
    collector = ClientAddresses([ip_network(one) for one in network_range.split()], [ip_network("10.0.0.0/8")])
    assert collector.visitor("10.0.1.5", headers["x-forwarded-for"].encode()) == gateway


def test_raw_utf_8_in_a_query_survives(site: str, backend: Backend) -> None:
    """As somebody wrote it into a link, or escaped on the way: the collector takes both."""
    host, port = site.removeprefix("http://").split(":")
    target = "/c/csc-event?t=pageView&d=Ærø,+東京".encode()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        assert connection.makefile("rb").readline().split()[1] == b"200"
    assert unquote_to_bytes(backend.requests[-1][0].encode("latin-1")) == target.removeprefix(b"/c")


def test_a_503_with_retry_after_reaches_the_visitor(site: str) -> None:
    """There is no website behind this edge: its 503 with Retry-After is what the tracker waits for."""
    answer = httpx.get(f"{site}/c/divolte.js", timeout=30)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
