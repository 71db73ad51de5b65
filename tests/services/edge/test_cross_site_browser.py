"""A real browser that has logged in to the consoles: other sites cannot use the login, the consoles themselves can."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.services.edge.rig import PASSWORD, PORTS, Backend, Containers, Edge, healthy, until
from tests.support.browser import chromium, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

SUSPEND = "/druid/indexer/v1/supervisor/clickstream/suspend"
ATTACK = """<body><form method="post" action="{target}"></form><script>document.forms[0].submit()</script>"""
EMBEDDED = """<body><iframe src="{target}"></iframe><img src="{target}/image">
<script>new WebSocket("{target}/ws".replace("http", "ws")); fetch("{target}/fetched", {{credentials: "include", mode:
"no-cors"}})</script>"""
CONSOLE = """<body><form method="post" action="/login"><input name="user" value="me"><button>Log in</button></form>
<script>
const asked = fetch("/druid/v2/sql", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"});
const socket = new WebSocket(`ws://${location.host}/ws`);
socket.onclose = async () => { await asked; document.title = "used"; };
</script>"""


class Consoles(NamedTuple):
    """The edge, under the name by which the browser knows it."""

    edge: Edge
    host: str

    def url(self, site: str, path: str = "/") -> str:
        return f"http://{self.host}:{PORTS[site]}{path}"


@pytest.fixture(scope="module")
def edge(containers: Containers, gateway: str, backend: Backend) -> Edge:
    edge = containers.edge(gateway, backend, EDGE_WEBSITE=f"collector {backend.server.server_port}")
    until("the edge's health", healthy(edge.container, 2021))
    return edge


@pytest.fixture(scope="module")
def browser(edge: Edge) -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules=MAP edge.localhost {edge.address}") as started:
        yield started


@pytest.fixture(params=["edge.localhost", "address"])
def consoles(request: pytest.FixtureRequest, edge: Edge) -> Consoles:
    """On localhost browsers send Fetch Metadata, to an address without TLS they do not."""
    return Consoles(edge, edge.address if request.param == "address" else request.param)


@pytest.fixture
def page(browser: Browser, consoles: Consoles, backend: Backend) -> Iterator[Page]:
    """Logged in to the consoles that the edge guards."""
    context = browser.new_context(http_credentials={"username": "admin", "password": PASSWORD})
    page = context.new_page()
    for site in ("druid", "kafka_manager"):
        answer = page.goto(consoles.url(site))
        assert answer is not None
        assert answer.ok
    sent = {name for name in backend.last if name.startswith("sec-fetch-")}
    assert bool(sent) is (consoles.host == "edge.localhost"), "the two ways to tell are both tried"
    yield page
    context.close()


def paths(backend: Backend, since: int = 0) -> list[str]:
    """What arrived, without what a browser asks for by itself."""
    return [path for path, _ in backend.requests[since:] if path != "/favicon.ico"]


@pytest.mark.parametrize("site", ["superset", "druid", "kafka_manager"])
@pytest.mark.parametrize("attacker", ["another host", "the website"])
def test_a_form_of_another_site_that_submits_itself_does_not_arrive(
    page: Page, consoles: Consoles, backend: Backend, site: str, attacker: str
) -> None:
    origin = (
        consoles.url("web", "")
        if attacker == "the website"
        else f"http://{backend.address}:{backend.server.server_port}"
    )
    backend.pages["/attack"] = ATTACK.format(target=consoles.url(site, SUSPEND))
    with page.expect_response(consoles.url(site, SUSPEND)) as refused:
        page.goto(f"{origin}/attack")
    assert refused.value.request.method == "POST"
    assert refused.value.status == 403
    page.wait_for_url(consoles.url(site, SUSPEND))
    assert "Refused: this request comes from a page of another site." in page.inner_text("body")
    assert SUSPEND not in paths(backend)


@pytest.mark.parametrize("consoles", ["edge.localhost"], indirect=True)
def test_nothing_of_a_console_is_shown_in_a_page_of_another_site(
    page: Page, consoles: Consoles, backend: Backend
) -> None:
    backend.pages["/embedded"] = EMBEDDED.format(target=consoles.url("druid", "/framed"))
    before = len(backend.requests)
    page.goto(consoles.url("web", "/embedded"), wait_until="networkidle")
    assert paths(backend, before) == ["/embedded"]


@pytest.mark.parametrize("site", ["superset", "druid", "kafka_manager"])
def test_a_link_opens_the_console_and_its_own_pages_work(
    page: Page, consoles: Consoles, backend: Backend, site: str
) -> None:
    backend.pages["/links"] = f'<body><a href="{consoles.url(site, "/console")}">open</a>'
    backend.pages["/console"] = CONSOLE
    page.goto(consoles.url("web", "/links"))
    before = len(backend.requests)
    page.click("a")
    wait_for(page, "document.title === 'used'")
    page.click("button")
    page.wait_for_url(consoles.url(site, "/login"))
    assert sorted(paths(backend, before)) == ["/console", "/druid/v2/sql", "/login", "/ws"]
