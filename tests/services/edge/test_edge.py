"""The edge and the website as containers: one door, true addresses, logins, TLS, backends that come and go."""

from __future__ import annotations

import base64
import itertools
import socket
import time
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING

import httpx
import pytest
from collector.enrich.address import ClientAddresses

from tests.browser.collector_server import collector
from tests.services.collector_clients.java import all_taken, ids, send_events
from tests.services.edge.rig import PASSWORD, PORTS, Backend, Containers, Edge, healthy, until
from tests.support.container_exec import execute
from tests.support.images import build
from tests.support.tracker import SIZE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docker.models.containers import Container


@pytest.fixture(scope="module")
def edge(containers: Containers, gateway: str, backend: Backend) -> Edge:
    """An edge whose website is not there yet."""
    edge = containers.edge(gateway, backend)
    until("the edge's health", healthy(edge.container, 2021))
    return edge


@pytest.fixture(scope="module")
def trusting_edge(containers: Containers, gateway: str, backend: Backend) -> Edge:
    edge = containers.edge(gateway, backend, EDGE_TRUSTED_PROXIES=f"10.255.0.0/16 {gateway}")
    until("the edge's health", healthy(edge.container, 2021))
    return edge


def test_a_website_that_comes_late_moves_or_dies_is_followed(edge: Edge, containers: Containers) -> None:
    missing = httpx.get(edge.url("web"), timeout=30)
    assert missing.status_code == 503
    assert missing.headers["Retry-After"]

    first = containers.website()
    until("the first website", lambda: httpx.get(edge.url("web")).status_code == 200)
    # The second one gets another address, because the first still holds its own.
    second = containers.website()
    until("the second website's health", healthy(second, 8000))
    first.remove(force=True)
    containers.started.remove(first)
    until("the move", lambda: httpx.get(edge.url("web"), timeout=30).status_code == 200)


def test_pages_are_compressed_protected_and_have_their_own_404(edge: Edge) -> None:
    page = until("a page", lambda: httpx.get(edge.url("web"), headers={"Accept-Encoding": "gzip"}).raise_for_status())
    assert page.status_code == 200
    assert page.headers["Content-Encoding"] == "gzip"
    assert page.headers["Cache-Control"] == "no-cache"
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "google" not in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in page.headers
    assert 'href="https://db-ip.com"' in page.text
    lost = httpx.get(edge.url("web", "/no/such/page"))
    assert lost.status_code == 404
    assert "Lost in the woods" in lost.text
    script = httpx.get(edge.url("web", "/divolte.js"), headers={"Accept-Encoding": "gzip"})
    assert int(script.headers["Content-Length"]) <= SIZE_LIMIT
    assert script.headers["Access-Control-Allow-Origin"] == "*"
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert httpx.get(edge.url("web", "/flags/se.svg")).headers["Content-Type"] == "image/svg+xml"


def test_a_client_cannot_claim_another_address(edge: Edge, backend: Backend, gateway: str) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    assert httpx.get(edge.url("web", "/csc-event?p=1"), headers=claims).text == "ok"
    assert backend.last["x-forwarded-for"] == gateway
    assert "x-real-ip" not in backend.last
    assert "forwarded" not in backend.last
    assert "x-affinity" not in backend.last


@pytest.mark.parametrize(
    ("claims", "seen"),
    [
        ([("X-Forwarded-For", "203.0.113.9")], "203.0.113.9"),
        ([("X-Forwarded-For", "198.51.100.1, 203.0.113.9")], "203.0.113.9"),
        ([("X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.255.3.4")], "203.0.113.9"),
        ([("X-Forwarded-For", "203.0.113.9:61234"), ("X-Forwarded-For", "10.255.3.4:80, 10.255.0.1")], "203.0.113.9"),
        ([("X-Forwarded-For", "198.51.100.1, [2001:db8::7]:443, ::ffff:10.255.3.4")], "2001:db8::7"),
        ([("X-Forwarded-For", "198.51.100.1, 192.168.7.7")], "192.168.7.7"),
        ([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "2001:db8::7")], "2001:db8::7"),
        ([("X-Forwarded-For", "nonsense!")], None),
        ([], None),
    ],
)
def test_the_collector_finds_the_visitor_behind_trusted_proxies(
    trusting_edge: Edge, backend: Backend, gateway: str, claims: list[tuple[str, str]], seen: str | None
) -> None:
    """However many there are. Anybody can write what stands before the last address that is not a trusted proxy."""
    httpx.get(trusting_edge.url("web", "/csc-event"), headers=claims)
    proxies = [ip_network("10.255.0.0/16"), ip_network(gateway)]
    collector = ClientAddresses(proxies, trusted_peers=[ip_network("10.0.0.0/8"), ip_network("192.168.0.0/16")])
    assert collector.visitor("10.0.1.5", backend.last["x-forwarded-for"].encode()) == (seen or gateway)


def test_superset_gets_a_single_address(trusting_edge: Edge, backend: Backend) -> None:
    httpx.get(trusting_edge.url("superset"), headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert backend.last["x-forwarded-for"] == "203.0.113.9"


def test_only_the_collectors_paths_reach_the_collector(edge: Edge, backend: Backend) -> None:
    httpx.post(edge.url("web", "/csc-batch"), content=b"{}")
    assert backend.requests[-1][0] == "/csc-batch"
    count = len(backend.requests)
    httpx.get(edge.url("web", "/metrics"), timeout=30)
    httpx.get(edge.url("web", "/csc-event/../metrics"), timeout=30)
    assert len(backend.requests) == count


def answering(collector: Container) -> Callable[[], bool]:
    return lambda: execute(collector, ["wget", "-q", "-O-", "http://127.0.0.1:8290/"]).code == 0


@pytest.fixture(scope="module")
def collectors(containers: Containers) -> str:
    """Two collectors, each of which answers with its own name."""
    for name in ("first", "second"):
        command = ["caddy", "respond", "--listen", ":8290", "--body", name]
        running = containers.run(build("edge"), ["collectors"], entrypoint=command)
        until(f"the {name} collector", answering(running))
    return "collectors 8290"


def test_a_visitor_stays_with_one_collector(
    containers: Containers, gateway: str, backend: Backend, collectors: str
) -> None:
    """By cookies, which stay when the address changes, or else by the address that the proxy in front reports."""
    edges = {
        by: containers.edge(
            gateway, backend, EDGE_COLLECTOR=collectors, EDGE_COLLECTOR_AFFINITY=by, EDGE_TRUSTED_PROXIES=gateway
        )
        for by in ("cookie", "address")
    }

    def asked(by: str, **headers: str) -> str:
        """The collector's name. Each request has its own connection, and an X-Affinity that must be ignored."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.get(edges[by].url("web", "/csc-event"), headers={"X-Affinity": f"{next(claims)}", **given})
        return answer.raise_for_status().text

    client = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
    claims = itertools.count()
    addresses = [f"203.0.113.{number}" for number in range(1, 13)]
    for by, edge in edges.items():
        until("the edge's health", healthy(edge.container, 2021))
        found = {address: {asked(by, X_Forwarded_For=address) for _ in range(4)} for address in addresses}
        assert all(len(names) == 1 for names in found.values()), (by, found)
        assert set().union(*found.values()) == {"first", "second"}, "and all visitors are spread over both"
        for address in ("203.0.113.1", "203.0.113.2", "2001:db8::7"):
            shown = f"[{address}]" if ":" in address else address
            chains = [f"{shown}:{50_000 + number}, 198.51.100.{number}" for number in range(6)]
            assert len({asked(by, X_Forwarded_For=given) for given in (address, *chains)}) == 1, (
                "behind several proxies"
            )
    by_cookie = [
        {asked("cookie", X_Forwarded_For=one, Cookie=f"_dvp=0:{n}") for one in addresses[:4]} for n in range(8)
    ]
    assert all(len(names) == 1 for names in by_cookie)
    assert set().union(*by_cookie) == {"first", "second"}
    by_address = {asked("address", X_Forwarded_For=addresses[0], Cookie=f"_dvp=0:{n}") for n in range(8)}
    assert len(by_address) == 1, "cookieless"


def test_javas_http_client_loses_nothing(
    containers: Containers, gateway: str, backend: Backend, tmp_path: Path
) -> None:
    """It asks for HTTP/2 with each request, and the edge passes that on to the collector."""
    each = 20
    with collector(tmp_path, host=gateway) as server:
        edge = containers.edge(gateway, backend, EDGE_COLLECTOR=f"collector {server.port}")
        until("the edge's health", healthy(edge.container, 2021))
        assert send_events(edge.url("web", ""), each) == all_taken(each)
        assert {record["event_id"] for record in server.records(8 * each)} == ids(each)
        assert server.dead == 0


def test_a_link_with_raw_utf_8_counts(containers: Containers, gateway: str, backend: Backend, tmp_path: Path) -> None:
    """curl and e-mail programs send it as somebody wrote it; httpx would escape it."""
    target = b"/csc-event?t=pageView&noscript=1&d=" + "Ærø,+東京".encode()
    with collector(tmp_path, host=gateway) as server:
        edge = containers.edge(gateway, backend, EDGE_COLLECTOR=f"collector {server.port}")
        until("the edge's health", healthy(edge.container, 2021))
        head = b"GET %s HTTP/1.1\r\nHost: localhost\r\nReferer: https://shop.example/\r\nConnection: close\r\n\r\n"
        with socket.create_connection((edge.address, PORTS["web"]), timeout=30) as connection:
            connection.sendall(head % target)
            status = connection.makefile("rb").readline()
        assert status.split()[1] == b"200"
        (found,) = server.records(1)
    assert found["page_title"] == "Ærø, 東京"


def test_a_body_that_is_too_large_is_refused(edge: Edge) -> None:
    assert httpx.post(edge.url("web", "/csc-batch"), content=b"x" * 2_000_000, timeout=30).status_code == 413


def test_what_the_collector_says_to_pages_of_other_origins_passes(
    edge: Edge, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = {
        "Access-Control-Allow-Origin": "https://shop.test",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Max-Age": "86400",
        "Vary": "Origin",
    }
    monkeypatch.setattr(backend, "answer_headers", says)
    asked = {"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"}
    for path in ("/csc-batch", "/json-event", "/openapi.json"):
        preflight = httpx.options(edge.url("web", path), headers=asked)
        assert backend.last["access-control-request-method"] == "POST"
        assert {name: preflight.headers.get_list(name) for name in says} == {name: [says[name]] for name in says}
    answer = httpx.post(edge.url("web", "/csc-batch"), headers=asked, content=b"{}")
    assert backend.last["origin"] == "https://shop.test"
    assert answer.headers.get_list("Access-Control-Allow-Origin") == ["https://shop.test"]


def test_the_write_key_of_a_server_reaches_the_collector(edge: Edge, backend: Backend) -> None:
    httpx.post(edge.url("web", "/json-event?p=0:1:a"), headers={"Authorization": "Bearer key"}, content=b"{}")
    assert backend.last["authorization"] == "Bearer key"


def test_pages_of_other_origins_read_what_the_edge_itself_answers_for_the_collector(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    edge = containers.edge(gateway, backend, EDGE_COLLECTOR="collector 1")
    until("the edge's health", healthy(edge.container, 2021))
    away = httpx.post(edge.url("web", "/csc-batch"), content=b"{}", headers={"Origin": "https://shop.test"}, timeout=30)
    large = httpx.post(edge.url("web", "/csc-batch"), content=b"x" * 2_000_000, timeout=30)
    assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
    assert large.status_code in {413, 503}, "the collector is away too"
    for answer in (away, large):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    page = httpx.post(edge.url("web", "/"), content=b"x" * 2_000, timeout=30)
    assert page.status_code >= 400
    assert "Access-Control-Allow-Origin" not in page.headers


def test_without_a_domain_there_are_certificates_for_whatever_name_a_client_uses(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    edge = containers.edge(gateway, backend, EDGE_TLS="internal")
    until("the edge's health", healthy(edge.container, 2021))
    trusted = edge.trusted()
    trusted.check_hostname = False  # the client comes by address, which no certificate names
    with httpx.Client(verify=trusted) as client:
        until("https", lambda: client.get(edge.url("tls", "/csc-event")).text == "ok")
        assert client.get(edge.url("superset").replace("http:", "https:")).text == "ok"
    for host in (edge.address, "anything.test", "localhost"):
        moved = httpx.get(edge.url("web", "/a?b"), headers={"Host": host})
        assert (moved.status_code, moved.headers["Location"]) == (308, f"https://{host}/a?b")


@pytest.mark.parametrize("port", ["druid", "kafka_manager"])
def test_the_consoles_ask_for_the_password(edge: Edge, backend: Backend, port: str) -> None:
    assert httpx.get(edge.url(port), timeout=30).status_code == 401
    assert httpx.get(edge.url(port), auth=("admin", PASSWORD + "x"), timeout=30).status_code == 401
    assert httpx.get(edge.url(port), auth=("admin", PASSWORD), timeout=30).text == "ok"
    assert "authorization" not in backend.last


def test_web_sockets_pass_to_the_kafka_manager(edge: Edge) -> None:
    with socket.create_connection((edge.address, PORTS["kafka_manager"]), timeout=30) as connection:
        credentials = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        lines = [
            "GET /ws HTTP/1.1",
            "Host: edge",
            f"Authorization: {credentials}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")
        connection.sendall(b"abc")
        assert connection.recv(16) == b"cba"


def test_a_client_that_asks_before_it_sends_a_body_is_told_to_go_on(edge: Edge) -> None:
    url = httpx.URL(edge.url("web"))
    head = (
        f"POST /csc-batch HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nContent-Type: application/json\r\n"
        "Content-Length: 4\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb")
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        connection.sendall(b"{..}")
        # The collector may say the same once more, and the edge passes it on.
        statuses = [line for line in answer if line.startswith(b"HTTP/")]
        assert statuses[-1] == b"HTTP/1.1 200 OK\r\n"


def test_a_client_that_never_finishes_its_request_is_cut_off(edge: Edge) -> None:
    with socket.create_connection((edge.address, PORTS["web"]), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: edge\r\nX-Slow: ")
        started = time.monotonic()
        assert connection.recv(4096) == b""
        assert time.monotonic() - started > 5


def test_logs_hold_no_queries_and_no_whole_addresses(edge: Edge, gateway: str) -> None:
    httpx.get(edge.url("web", "/csc-event?p=visitor-number-one"))
    log = until("the log line", lambda: edge.logs() if '"/csc-event"' in edge.logs() else "")
    assert "visitor-number-one" not in log
    assert f'"{gateway}"' not in log
    assert PASSWORD not in log


def test_the_password_is_on_no_command_line(edge: Edge) -> None:
    code, output = execute(edge.container, ["sh", "-c", "cat /proc/[0-9]*/cmdline /proc/1/environ"])
    assert code == 0
    assert b"caddy" in output
    assert PASSWORD.encode() not in output


def test_tls_with_its_own_authority_redirects_and_is_strict(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    edge = containers.edge(gateway, backend, EDGE_TLS="internal", EDGE_DOMAIN="shop.test")
    until("the edge's health", healthy(edge.container, 2021))
    redirect = httpx.get(edge.url("web", "/cart?a=1"), headers={"Host": "shop.test:80"})
    assert (redirect.status_code, redirect.headers["Location"]) == (308, "https://shop.test/cart?a=1")
    with httpx.Client(verify=edge.trusted()) as client:
        answer = client.get(
            edge.url("tls", "/csc-event"), headers={"Host": "shop.test"}, extensions={"sni_hostname": "shop.test"}
        )
        assert answer.text == "ok"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert backend.last["x-forwarded-proto"] == "https"


def test_every_domain_has_a_certificate_and_www_redirects_to_it(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    domains = {"EDGE_DOMAIN": "shop.test", "EDGE_DOMAINS": "other.test news.test", "EDGE_REDIRECT_WWW": "true"}
    edge = containers.edge(gateway, backend, EDGE_TLS="internal", EDGE_ADMIN_SUBDOMAINS="true", **domains)
    until("the edge's health", healthy(edge.container, 2021))
    trusted = edge.trusted()

    def get(name: str, path: str) -> httpx.Response:
        """By a connection of its own: the certificate must be for this name."""
        with httpx.Client(verify=trusted) as client:
            return client.get(edge.url("tls", path), headers={"Host": name}, extensions={"sni_hostname": name})

    for name in ("shop.test", "other.test", "news.test"):
        for asked in (name, f"www.{name}"):
            event = until("a certificate", partial(get, asked, "/csc-event"))
            assert event.text == "ok", "no redirect loses an event"
            plain = httpx.get(edge.url("web", "/cart?a=1"), headers={"Host": asked})
            assert plain.headers["Location"] == f"https://{asked}/cart?a=1"
        moved = get(f"www.{name}", "/cart?a=1")
        assert (moved.status_code, moved.headers["Location"]) == (308, f"//{name}/cart?a=1")
    console = until("a certificate", partial(get, "druid.shop.test", "/"))
    assert console.status_code == 401, "admin pages are at the first domain"
    with pytest.raises(httpx.ConnectError):
        get("druid.other.test", "/")


def test_www_redirects_to_the_domain_without_certificates_too(
    containers: Containers, gateway: str, backend: Backend
) -> None:
    edge = containers.edge(gateway, backend, EDGE_DOMAIN="shop.test", EDGE_REDIRECT_WWW="true")
    until("the edge's health", healthy(edge.container, 2021))
    moved = httpx.get(edge.url("web", "/a"), headers={"Host": "WWW.shop.test:8000"})
    assert (moved.status_code, moved.headers["Location"]) == (308, "//shop.test:8000/a")
    for other in ("shop.test", "www.shop.test.example", "www.shopxtest", "www.other.test"):
        assert httpx.get(edge.url("web", "/a"), headers={"Host": other}, timeout=30).status_code != 308, other


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"EDGE_TLS": "acme"}, "EDGE_TLS is acme, which needs EDGE_DOMAIN"),
        ({"EDGE_DOMAINS": "other.test"}, "EDGE_DOMAINS and EDGE_REDIRECT_WWW need EDGE_DOMAIN"),
        ({"EDGE_DOMAIN": "a.test", "EDGE_DOMAINS": "b.test, c.test"}, "it must be domain names separated by spaces"),
        ({"EDGE_TLS": "on"}, 'EDGE_TLS is "on"; it must be off, acme or internal'),
        ({"EDGE_ADMIN_PASSWORD_FILE": "/nowhere"}, "EDGE_ADMIN_PASSWORD_FILE names /nowhere"),
        ({"EDGE_TRUSTED_PROXIES": "10.0.0.0/99"}, "not valid"),
        ({"EDGE_COLLECTOR_AFFINITY": "none"}, "it must be cookie or address"),
    ],
)
def test_wrong_settings_stop_it_and_say_why(
    containers: Containers, gateway: str, backend: Backend, environment: dict[str, str], reason: str
) -> None:
    edge = containers.edge(gateway, backend, **environment)
    assert edge.container.wait(timeout=60)["StatusCode"] == 64
    assert reason in edge.logs()


def test_acme_settings_make_a_valid_configuration(containers: Containers, gateway: str, backend: Backend) -> None:
    settings = {"EDGE_TLS": "acme", "EDGE_DOMAIN": "shop.test", "EDGE_EMAIL": "a@shop.test"}
    # An authority nobody can reach: the edge must start all the same and go on trying.
    edge = containers.edge(gateway, backend, EDGE_ACME_DIRECTORY="https://127.0.0.1:1/directory", **settings)
    until("the edge's health", healthy(edge.container, 2021))
    redirect = httpx.get(edge.url("web"), headers={"Host": "shop.test"})
    assert redirect.headers["Location"] == "https://shop.test/"


def test_the_collectors_paths_can_be_renamed(containers: Containers, gateway: str, backend: Backend) -> None:
    edge = containers.edge(gateway, backend, EDGE_COLLECTOR_PATHS="/c/e /c/b", EDGE_COLLECTOR_AFFINITY="address")
    until("the edge's health", healthy(edge.container, 2021))
    httpx.get(edge.url("web", "/c/e?p=1"))
    assert backend.requests[-1][0] == "/c/e?p=1"
    count = len(backend.requests)
    httpx.get(edge.url("web", "/csc-event"), timeout=30)
    assert len(backend.requests) == count


def test_the_tracker_is_served_with_the_chosen_names(containers: Containers) -> None:
    website = containers.website(
        TRACKER_PATH="/c/t.js",
        COLLECTOR_PREFIX="/c/",
        COLLECTOR_BATCH_SUFFIX="b",
        PARTY_COOKIE="who",
        SESSION_COOKIE="visit",
        TRACKER_OPTIONS="consent ignore-gpc",
    )
    address = website.attrs["NetworkSettings"]["Networks"][containers.network.name]["IPAddress"]
    script = until("the website", lambda: httpx.get(f"http://{address}:8000/c/t.js"))
    assert script.status_code == 200
    assert '"who"' in script.text
    assert '"visit"' in script.text
    assert "_dvp" not in script.text
    assert "_dvs" not in script.text
    assert '"/c/b"' in script.text, "a page of another site says nothing about paths"
    assert '"/c/csc-event"' in httpx.get(f"http://{address}:8000/c/t-beacon.js").text
    page = httpx.get(f"http://{address}:8000/").text
    assert 'src="/c/t.js" data-batch="/c/b" data-consent data-ignore-gpc>' in page
    assert "<code>who</code>" in httpx.get(f"http://{address}:8000/privacy").text


def test_third_parties_are_allowed_only_when_they_are_configured(containers: Containers) -> None:
    website = containers.website(GOOGLE_ANALYTICS_ID="G-ABC123", CLARITY_ID="abc123", TRACKER_PATH="/t/a.js")
    address = website.attrs["NetworkSettings"]["Networks"][containers.network.name]["IPAddress"]
    page = until("the website", lambda: httpx.get(f"http://{address}:8000/"))
    policy = page.headers["Content-Security-Policy"]
    assert "https://*.googletagmanager.com" in policy
    assert "https://www.clarity.ms" in policy
    assert 'data-google-analytics="G-ABC123"' in page.text
    assert 'src="/t/a.js"' in page.text
    assert httpx.get(f"http://{address}:8000/t/a.js").status_code == 200
