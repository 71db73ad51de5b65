"""A flood hurts only the flooder: limits of an address and of all together, of requests, bodies and connections."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.browser.collector_server import collector
from tests.services.edge.rig import PASSWORD, PORTS, Backend, Containers, Edge, healthy, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVENT = "/csc-event?p=0:1:p&s=0:1:s&v=v&e={}&c=1&n=f&f=f&t=flood"
OFF = "1000000 1000000"


def start(containers: Containers, gateway: str, backend: Backend, **environment: str) -> Edge:
    """Start an edge that takes addresses from X-Forwarded-For: each is a visitor of its own."""
    edge = containers.edge(gateway, backend, **{"EDGE_TRUSTED_PROXIES": gateway, "EDGE_TOTAL_RATE": OFF, **environment})
    until("the edge's health", healthy(edge.container, 2021))
    return edge


@pytest.fixture(scope="module")
def edge(containers: Containers, gateway: str, backend: Backend) -> Edge:
    """Ten requests at once, and hardly any more for an hour."""
    return start(containers, gateway, backend, EDGE_ADDRESS_RATE="1 10", EDGE_UNLIMITED="203.0.113.0/28")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


def statuses(client: httpx.Client, edge: Edge, address: str, count: int, body: bytes | None = None) -> list[int]:
    """Answers to so many requests of an address."""
    headers = {"X-Forwarded-For": address, "Content-Type": "text/plain"}
    url = edge.url("web", "/csc-batch")
    return [client.post(url, headers=headers, content=body or b"{}").status_code for _ in range(count)]


def refused(edge: Edge) -> dict[tuple[str, str], float]:
    """Refusals by zone and reason, as Prometheus reads them."""
    answer = httpx.get(f"http://{edge.address}:2021/metrics", timeout=30)
    return {
        (sample.labels["zone"], sample.labels["reason"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "edge_refused_total"
    }


def test_an_address_that_asks_too_much_is_told_when_to_come_again(edge: Edge, client: httpx.Client) -> None:
    answers = statuses(client, edge, "198.51.100.1", 40)
    assert answers[:8] == [200] * 8
    assert 429 in answers
    said = client.get(edge.url("web", "/csc-event"), headers={"X-Forwarded-For": "198.51.100.1"})
    if said.status_code == 429:
        assert 1 <= int(said.headers["Retry-After"]) <= 10
        # For trackers of other origins.
        assert said.headers["Access-Control-Allow-Origin"] == "*"
        assert said.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert refused(edge)["website", "address_rate"] >= answers.count(429)
    assert statuses(client, edge, "198.51.100.2", 8) == [200] * 8, "its neighbour"


def test_a_large_body_counts_as_many_requests(edge: Edge, client: httpx.Client) -> None:
    assert statuses(client, edge, "198.51.100.3", 2, b"x" * 9_000)[0] == 200
    assert 429 in statuses(client, edge, "198.51.100.3", 10, b"x" * 9_000)


def test_a_body_without_a_length_counts_too(edge: Edge, client: httpx.Client) -> None:
    headers = {"X-Forwarded-For": "198.51.100.4"}
    for _ in range(8):
        answer = client.post(edge.url("web", "/csc-batch"), headers=headers, content=iter([b"x" * 9_000]))
        if answer.status_code == 429:
            return
    pytest.fail("eight bodies of 9 KB of unknown length passed")


def test_a_network_of_ipv6_is_one_sender_and_its_neighbour_another(edge: Edge, client: httpx.Client) -> None:
    one = [statuses(client, edge, f"2001:db8:1:2:{number:x}::1", 1)[0] for number in range(40)]
    assert one[:8] == [200] * 8
    assert 429 in one
    assert statuses(client, edge, "2001:db8:1:3::1", 8) == [200] * 8


def test_addresses_can_be_exempt(edge: Edge, client: httpx.Client) -> None:
    assert statuses(client, edge, "203.0.113.9", 60) == [200] * 60


def test_who_claims_another_address_is_limited_by_its_own(
    containers: Containers, gateway: str, backend: Backend, client: httpx.Client
) -> None:
    edge = start(containers, gateway, backend, EDGE_TRUSTED_PROXIES="", EDGE_ADDRESS_RATE="1 10")
    answers = [statuses(client, edge, f"198.51.100.{number}", 1)[0] for number in range(40)]
    assert 429 in answers


def test_all_addresses_together_have_a_limit(
    containers: Containers, gateway: str, backend: Backend, client: httpx.Client
) -> None:
    edge = start(containers, gateway, backend, EDGE_TOTAL_RATE="1 10")
    answers = [statuses(client, edge, f"198.51.100.{number}", 1)[0] for number in range(40)]
    assert answers[:8] == [200] * 8
    assert 429 in answers
    assert refused(edge)["website", "total_rate"] >= answers.count(429)


def test_connections_of_an_address_have_a_limit_and_those_of_a_proxy_have_not(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    direct = start(containers, gateway, backend, EDGE_TRUSTED_PROXIES="", EDGE_CONNECTIONS="5 50")
    behind_proxy = start(containers, gateway, backend, EDGE_CONNECTIONS="5 50")
    assert_connections_are_limited(direct, 5, "address_connections")
    assert_connections_are_limited(behind_proxy, 50, "total_connections")


def assert_connections_are_limited(edge: Edge, most: int, reason: str) -> None:
    """Of sixty, only so many stay open, and when they are closed there is room again."""
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(socket.create_connection((edge.address, PORTS["web"]), timeout=30))
        until("the refusals", lambda: refused(edge).get(("connections", reason), 0) >= 60 - most)
    until("an answer once they are closed", lambda: httpx.get(edge.url("web", "/csc-event")).text == "ok")


def test_wrong_passwords_of_an_address_are_refused_before_they_are_hashed(
    containers: Containers, gateway: str, backend: Backend, client: httpx.Client
) -> None:
    edge = start(containers, gateway, backend)

    def log_in(password: str, address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return client.get(edge.url("druid"), auth=("admin", password), headers=headers).status_code

    assert [log_in(PASSWORD, "198.51.100.1") for _ in range(30)] == [200] * 30, "right ones do not count"
    assert [log_in(f"wrong {number}", "198.51.100.1") for number in range(9)] == [401] * 9
    answers = [log_in(f"wrong as well {number}", "198.51.100.1") for number in range(20)]
    assert 429 in answers
    assert log_in(PASSWORD, "198.51.100.2") == 200, "an admin elsewhere"
    assert refused(edge)["logins", "failed_logins"] >= 1


def test_a_console_may_ask_for_more_at_the_same_time_than_wrong_passwords_are_allowed(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    count = 20
    together = threading.Barrier(count)

    class Slow(BaseHTTPRequestHandler):
        """Answers when all are there."""

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Silent."""

        def do_GET(self) -> None:
            if self.path == "/together":
                together.wait(60)
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer((gateway, 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        edge = start(containers, gateway, backend, EDGE_DRUID=f"router {server.server_port}")

        def ask(path: str) -> int:
            return httpx.get(edge.url("druid", path), auth=("admin", PASSWORD), timeout=90).status_code

        assert ask("/first") == 200, "from here on the edge knows the password's hash"
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(ask, ["/together"] * count))
        server.shutdown()
    assert answers == [200] * count


def flood(edge: Edge, address: str, stop: threading.Event, sent: list[int]) -> None:
    """Send batches of 1,000 events as fast as one connection takes them."""
    events = [{"p": "0:1:f", "s": "0:1:f", "v": "v", "e": f"{n}", "c": 1, "n": False, "f": False} for n in range(600)]
    body = json.dumps({"events": events}).encode()
    headers = {"X-Forwarded-For": address, "Content-Type": "text/plain", "User-Agent": "x" * 2000}
    connection = http.client.HTTPConnection(edge.address, PORTS["web"], timeout=30)
    while not stop.is_set():
        try:
            connection.request("POST", "/csc-batch", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
        else:
            sent.append(answer.status)


def test_while_one_address_floods_visitors_elsewhere_are_served(
    containers: Containers,
    gateway: str,
    backend: Backend,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """With the default limits, and the collector itself behind the edge. No event of a visitor is refused."""
    visitors, each = 40, 5
    with collector(tmp_path, host=gateway) as server:
        edge = containers.edge(
            gateway, backend, EDGE_TRUSTED_PROXIES=gateway, EDGE_COLLECTOR=f"collector {server.port}"
        )
        until("the edge's health", healthy(edge.container, 2021))
        stop, sent = threading.Event(), list[int]()
        flooders = [threading.Thread(target=flood, args=(edge, "198.51.100.66", stop, sent)) for _ in range(4)]
        for flooder in flooders:
            flooder.start()
        try:
            until("the flood to be refused", lambda: 429 in sent, seconds=60)
            began, times = time.monotonic(), list[float]()
            with httpx.Client(timeout=30) as client:
                for number in range(visitors * each):
                    headers = {"X-Forwarded-For": f"203.0.113.{number % visitors}", "User-Agent": "Mozilla/5.0"}
                    started = time.monotonic()
                    answer = client.get(edge.url("web", EVENT.format(f"visitor-{number}")), headers=headers)
                    times.append(time.monotonic() - started)
                    assert answer.status_code == 200
            seconds = time.monotonic() - began
        finally:
            stop.set()
            for flooder in flooders:
                flooder.join(60)
        taken = sent.count(200)
        assert sent.count(429) > taken
        wanted = {f"visitor-{number}" for number in range(visitors * each)}
        found = {record["event_id"] for record in server.records(taken * 600 + len(wanted))}
        assert wanted <= found
    record_property("flood_requests_a_second", len(sent) / seconds)
    record_property("visitors_p99_ms", sorted(times)[int(len(times) * 0.99)] * 1000)
    record_property("flood_taken", taken)
