"""Admin pages answer only networks that may reach them, and the machine that the edge runs on."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.services.edge.rig import PASSWORD, Backend, Containers, Edge, healthy, until
from tests.support.container_exec import execute
from tests.support.images import build

if TYPE_CHECKING:
    from docker.models.containers import Container

LOGIN = ("admin", PASSWORD)
PAGES = ("superset", "druid", "kafka_manager")
OFFICE, VIEWER, STRANGER = "198.51.100.7", "203.0.113.5", "192.0.2.99"


@pytest.fixture(scope="module")
def closed(containers: Containers, gateway: str, backend: Backend) -> Edge:
    """As on stack dev: only the machine itself."""
    return start(containers, gateway, backend, EDGE_ADMIN_ALLOWED="", EDGE_VIEWER_ALLOWED="")


@pytest.fixture(scope="module")
def office(containers: Containers, gateway: str, backend: Backend) -> Edge:
    """Behind a load balancer, for an office and for viewers of Superset."""
    allowed = {"EDGE_ADMIN_ALLOWED": "198.51.100.0/24 2001:db8:1::/48", "EDGE_VIEWER_ALLOWED": "203.0.113.0/28"}
    return start(containers, gateway, backend, EDGE_TRUSTED_PROXIES=gateway, **allowed)


@pytest.fixture(scope="module")
def neighbour(containers: Containers) -> Container:
    """Another machine, as far as the edge can tell."""
    return containers.run(build("edge"), entrypoint=["caddy", "respond", "--listen", ":8290"])


def start(containers: Containers, gateway: str, backend: Backend, **environment: str) -> Edge:
    edge = containers.edge(gateway, backend, EDGE_WEBSITE=f"collector {backend.server.server_port}", **environment)
    until("the edge's health", healthy(edge.container, 2021))
    return edge


def status_for(neighbour: Container, url: str, *headers: str) -> int:
    """What the neighbour gets."""
    given = [f"--header={header}" for header in headers]
    _, output = execute(neighbour, ["sh", "-c", 'wget -S -T 30 -t 1 -O /dev/null "$@" 2>&1', "-", *given, url])
    found: list[str] = re.findall(r"HTTP/1\.1 (\d+)", output.decode())
    return int(found[-1])


def ask(edge: Edge, page: str, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(edge.url(page), auth=LOGIN, headers=sent, timeout=30)


@pytest.mark.parametrize("page", PAGES)
def test_by_default_only_the_machine_itself_reaches_a_console(
    closed: Edge, neighbour: Container, backend: Backend, page: str
) -> None:
    assert ask(closed, page).status_code == 200
    count = len(backend.requests)
    assert status_for(neighbour, closed.url(page)) == 403, "not even the question for a password"
    assert status_for(neighbour, closed.url(page), "X-Forwarded-For: 127.0.0.1") == 403
    assert len(backend.requests) == count
    assert status_for(neighbour, closed.url("web", "/csc-event")) == 200


def test_a_published_port_is_for_the_loopback_address_alone(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    """The way of stack dev: Docker forwards what arrives at a port of the host."""
    published: dict[str, Any] = {"ports": {"8888/tcp": None, "8000/tcp": None}}
    edge = containers.edge_with(gateway, backend, {"EDGE_ADMIN_ALLOWED": ""}, **published)
    until("the edge's health", healthy(edge.container, 2021))
    edge.container.reload()
    druid = edge.container.ports["8888/tcp"][0]["HostPort"]
    assert httpx.get(f"http://127.0.0.1:{druid}", auth=LOGIN, timeout=30).status_code == 200
    refused = httpx.get(f"http://{own_address()}:{druid}", auth=LOGIN, timeout=30)
    assert refused.status_code == 403
    assert refused.text.startswith(f"Refused: this page is not for {own_address()}.")


def own_address() -> str:
    """Of this host's network, which need not lead anywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((STRANGER, 9))
        address: str = probe.getsockname()[0]
        return address


@pytest.mark.parametrize("page", PAGES)
def test_the_visitors_address_counts_behind_a_trusted_proxy(office: Edge, backend: Backend, page: str) -> None:
    for address in (OFFICE, "2001:db8:1::7", f"{STRANGER}, {OFFICE}"):
        assert ask(office, page, X_Forwarded_For=address).status_code == 200, address
    count = len(backend.requests)
    for address in (STRANGER, "2001:db8:2::7", f"{OFFICE}, {STRANGER}"):
        refused = ask(office, page, X_Forwarded_For=address)
        assert refused.status_code == 403, address
        assert "adminAllowedCidrs" in refused.text
    assert len(backend.requests) == count


def test_viewers_reach_superset_and_no_other_console(office: Edge) -> None:
    answers = {page: ask(office, page, X_Forwarded_For=VIEWER).status_code for page in PAGES}
    assert answers == {"superset": 200, "druid": 403, "kafka_manager": 403}


def test_nobody_claims_another_address_without_a_trusted_proxy(office: Edge, neighbour: Container) -> None:
    assert status_for(neighbour, office.url("superset"), f"X-Forwarded-For: {OFFICE}") == 403


def test_the_rule_holds_for_names_on_the_websites_port(containers: Containers, gateway: str, backend: Backend) -> None:
    settings = {"EDGE_TLS": "internal", "EDGE_DOMAIN": "shop.test", "EDGE_ADMIN_SUBDOMAINS": "true"}
    edge = start(
        containers, gateway, backend, EDGE_TRUSTED_PROXIES=gateway, EDGE_ADMIN_ALLOWED="198.51.100.0/24", **settings
    )
    with httpx.Client(verify=edge.trusted(), auth=LOGIN, timeout=30) as client:
        for address, expected in ((OFFICE, 200), (STRANGER, 403)):
            for name in ("superset", "druid", "kafka"):
                host = f"{name}.shop.test"
                answer = client.get(
                    edge.url("tls"),
                    headers={"Host": host, "X-Forwarded-For": address},
                    extensions={"sni_hostname": host},
                )
                assert answer.status_code == expected, (host, address)


def test_everybody_may_come_when_the_settings_say_so(containers: Containers, gateway: str, backend: Backend) -> None:
    edge = start(containers, gateway, backend, EDGE_ADMIN_ALLOWED="0.0.0.0/0 ::/0", EDGE_TRUSTED_PROXIES=gateway)
    assert {ask(edge, page, X_Forwarded_For=STRANGER).status_code for page in PAGES} == {200}


def test_who_is_refused_does_not_fill_the_log(closed: Edge, neighbour: Container) -> None:
    url = closed.url("druid", "/refused-and-not-logged")
    assert status_for(neighbour, url) == 403
    assert httpx.get(closed.url("druid", "/logged"), auth=LOGIN, timeout=30).status_code == 200
    until("the log line", lambda: "/logged" in closed.logs())
    assert "refused-and-not-logged" not in closed.logs()
