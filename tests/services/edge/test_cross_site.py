"""Admin sites refuse what another site makes a browser send, and nothing that their own pages or programs send."""

from __future__ import annotations

import base64
import socket
from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.services.edge.rig import PASSWORD, PORTS, Backend, Containers, Edge, healthy, until

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGIN = ("admin", PASSWORD)
ADMIN_SITES = ("superset", "druid", "kafka_manager")
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVIL = "https://evil.example"
WEB_SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture(scope="module")
def edge(containers: Containers, gateway: str, backend: Backend) -> Edge:
    edge = containers.edge(gateway, backend)
    until("the edge's health", healthy(edge.container, 2021))
    return edge


def own(edge: Edge, site: str, scheme: str = "http") -> str:
    """The site's own origin."""
    return f"{scheme}://{edge.address}:{PORTS[site]}"


def send(edge: Edge, site: str, method: str, headers: Mapping[str, str]) -> int:
    answer = httpx.request(method, edge.url(site, "/some/path"), auth=LOGIN, headers=headers, timeout=30)
    if answer.status_code == 403:
        assert answer.text.startswith("Refused: this request comes from a page of another site.")
    return answer.status_code


FOREIGN: list[tuple[str, dict[str, str]]] = [
    # A form that submits itself, from another site and from the website on another port.
    *(
        ("POST", {"Sec-Fetch-Site": site, **NAVIGATION, "Origin": origin, **FORM})
        for site, origin in (("cross-site", EVIL), ("same-site", "http://{host}:8000"), ("cross-site", "null"))
    ),
    # The same where the browser sends no Fetch Metadata: plain HTTP to anything but localhost.
    ("POST", {"Origin": EVIL, **FORM}),
    ("POST", {"Origin": "null", **FORM}),
    ("POST", {"Origin": "http://{host}:8000"}),
    ("POST", {"Origin": "http://{host}"}),
    ("POST", {"Referer": f"{EVIL}/page"}),
    ("POST", {"Referer": "http://{host}:8000/page"}),
    # A name that begins like ours.
    ("POST", {"Referer": "http://{own}.evil.example/page"}),
    ("POST", {"Origin": "http://{own}.evil.example"}),
    # A header of one kind does not excuse the other.
    ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": EVIL}),
    ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "http://{own}"}),
    ("POST", {"Sec-Fetch-Site": "cross-site"}),
    ("PUT", {"Sec-Fetch-Site": "same-site"}),
    ("DELETE", {"Origin": EVIL}),
    ("OPTIONS", {"Origin": EVIL, "Access-Control-Request-Method": "POST"}),
    # Images, scripts, frames, fetch: what is not a page in a tab of its own.
    *(
        ("GET", {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest})
        for site, (mode, dest) in product(
            ("cross-site", "same-site"),
            (("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")),
        )
    ),
    ("GET", {"Origin": EVIL}),
]
OWN: list[tuple[str, dict[str, str]]] = [
    # Programs: curl, Pulumi's clients, scripts.
    ("GET", {}),
    ("POST", {}),
    ("PUT", {}),
    ("DELETE", {}),
    ("POST", {"Referer": "http://{own}/"}),
    # A link on another page, a bookmark, a typed address.
    ("GET", {"Sec-Fetch-Site": "cross-site", **NAVIGATION, "Referer": f"{EVIL}/"}),
    ("HEAD", {"Sec-Fetch-Site": "same-site", **NAVIGATION}),
    ("GET", {"Sec-Fetch-Site": "none", **NAVIGATION}),
    # A link where there is no Fetch Metadata.
    ("GET", {"Referer": f"{EVIL}/"}),
    # The site's own pages, also behind a proxy that ends TLS.
    ("POST", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Origin": "http://{own}"}),
    ("POST", {"Sec-Fetch-Site": "same-origin", **NAVIGATION, "Origin": "https://{own}", **FORM}),
    ("POST", {"Origin": "http://{own}", "Referer": "http://{own}/login"}),
    ("POST", {"Referer": "https://{own}/login"}),
    ("GET", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
]


def filled(edge: Edge, site: str, headers: Mapping[str, str]) -> dict[str, str]:
    names = {"host": edge.address, "own": f"{edge.address}:{PORTS[site]}"}
    return {name: value.format(**names) for name, value in headers.items()}


@pytest.mark.parametrize("site", ADMIN_SITES)
@pytest.mark.parametrize(("method", "headers"), FOREIGN)
def test_what_another_site_sends_does_not_arrive(
    edge: Edge, backend: Backend, site: str, method: str, headers: dict[str, str]
) -> None:
    count = len(backend.requests)
    assert send(edge, site, method, filled(edge, site, headers)) == 403
    assert len(backend.requests) == count


@pytest.mark.parametrize("site", ADMIN_SITES)
@pytest.mark.parametrize(("method", "headers"), OWN)
def test_links_own_pages_and_programs_arrive(
    edge: Edge, backend: Backend, site: str, method: str, headers: dict[str, str]
) -> None:
    count = len(backend.requests)
    assert send(edge, site, method, filled(edge, site, headers)) == 200
    assert len(backend.requests) == count + 1


@pytest.mark.parametrize("site", ADMIN_SITES)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://{own}"}, 101),
        ({}, 101),
        ({"Origin": EVIL}, 403),
        ({"Origin": "http://{host}:8000", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "websocket"}, 403),
    ],
)
def test_a_web_socket_opens_for_the_sites_own_pages_alone(
    edge: Edge, site: str, headers: dict[str, str], status: int
) -> None:
    given: dict[str, Any] = {"Host": f"{edge.address}:{PORTS[site]}", **WEB_SOCKET, **filled(edge, site, headers)}
    credentials = base64.b64encode(":".join(LOGIN).encode()).decode()
    given["Authorization"] = f"Basic {credentials}"
    lines = ["GET /ws HTTP/1.1", *(f"{name}: {text}" for name, text in given.items())]
    with socket.create_connection((edge.address, PORTS[site]), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(4096).startswith(f"HTTP/1.1 {status}".encode())


def test_a_refusal_costs_no_password_check(edge: Edge) -> None:
    refused = httpx.post(edge.url("druid"), headers={"Origin": EVIL}, auth=("admin", "wrong"))
    assert refused.status_code == 403


def test_the_website_takes_events_from_any_site(edge: Edge, backend: Backend) -> None:
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert httpx.post(edge.url("web", "/csc-batch"), content=b"{}", headers=headers).status_code == 200
    assert backend.requests[-1][0] == "/csc-batch"


@pytest.mark.parametrize("subdomains", ["true", "false"])
def test_sites_with_a_domain_and_certificates_are_protected(
    containers: Containers, gateway: str, backend: Backend, subdomains: str
) -> None:
    settings = {"EDGE_TLS": "internal", "EDGE_DOMAIN": "shop.test", "EDGE_ADMIN_SUBDOMAINS": subdomains}
    edge = containers.edge(gateway, backend, **settings)
    until("the edge's health", healthy(edge.container, 2021))
    with httpx.Client(verify=edge.trusted(), timeout=30) as client:
        for name, site in (("superset", "superset"), ("druid", "druid"), ("kafka", "kafka_manager")):
            host = f"{name}.shop.test" if subdomains == "true" else f"shop.test:{PORTS[site]}"
            port = PORTS["tls"] if subdomains == "true" else PORTS[site]
            for origin, status in ((f"https://{host}", 200), ("https://shop.test", 403), (EVIL, 403)):
                answer = client.post(
                    f"https://{edge.address}:{port}/path",
                    headers={"Host": host, "Origin": origin},
                    auth=LOGIN,
                    extensions={"sni_hostname": host.partition(":")[0]},
                )
                assert answer.status_code == status, (host, origin)
