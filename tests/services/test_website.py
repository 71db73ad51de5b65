"""The website as its container serves it: pages for everyone, strong headers, settings, nobody else asked."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from docker.errors import ContainerError
from playwright.sync_api import expect

from infra.paths import SERVICES
from tests.browser.site_server import SiteServer
from tests.support.browser import chromium, wait_for
from tests.support.website_container import Start, websites

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

SITE = SERVICES / "website" / "site"
UNLISTED = ("/search", "/search?q=lamp", "/cart", "/thanks?order=TT-1", "/nowhere")


@pytest.fixture(scope="module")
def start(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    with websites(engine, tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def website(start: Start) -> str:
    return start()


@pytest.fixture(scope="module")
def paths(website: str) -> list[str]:
    """Every page: those of the site map, and those that stand in no map."""
    listed = httpx.get(f"{website}/sitemap.txt").text.split()
    return [address.removeprefix("http://localhost") for address in listed] + list(UNLISTED)


@pytest.fixture(scope="module")
def axe() -> str:
    """Deque's accessibility rules."""
    script = SITE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed")
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=SITE, check=True)
    return script.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def events_of(request: Request) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(request.post_data or "")["events"]
    return events


def accept(route: Route) -> None:
    """Stands in for the collector."""
    route.fulfill(json={"accepted": [event["e"] for event in events_of(route.request)], "rejected": []})


@pytest.fixture(params=["light", "dark"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    context = browser.new_context(color_scheme=request.param)
    context.route("**/csc-batch", accept)
    yield context
    context.close()


def violations(page: Page, axe: str) -> list[str]:
    # By the debugger: the page's own policy lets no other script in.
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found]


def test_every_page_is_accessible_to_everyone_and_asks_nobody_else(
    context: BrowserContext, website: str, paths: list[str], axe: str
) -> None:
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(website) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None,
    )
    assert len(paths) > 25
    for path in paths:
        page.goto(f"{website}{path}")
        page.locator("#sent", has_text="last: ").wait_for(state="attached")
        wrong += [f"{path}: {each}" for each in violations(page, axe)]
    page.goto(f"{website}/product/day-pack")
    page.click("main .product button.add")
    page.click("a.cart")
    expect(page.locator("#total")).to_have_text("Total € 98.00")
    wrong += [f"/cart with an article: {each}" for each in violations(page, axe)]
    assert wrong == []


def test_a_visitor_sees_what_was_sent(browser: Browser, website: str) -> None:
    sent: list[dict[str, Any]] = []

    def collect(route: Route) -> None:
        sent.extend(events_of(route.request))
        accept(route)

    context = browser.new_context()
    context.route("**/csc-batch", collect)
    page = context.new_page()
    page.goto(f"{website}/tracking")
    page.click("#send-event")
    expect(page.locator("#sent")).to_have_text("2 events, last: demonstration")
    expect(page.locator("#content")).to_contain_text('"answer": 42')
    page.evaluate("new Promise(done => divolte.whenCommitted(done))")
    assert [event["t"] for event in sent] == ["pageView", "demonstration"]
    assert page.text_content("#event-id") == sent[1]["e"]
    assert page.text_content("#party-id") == sent[1]["p"]
    context.close()


def test_a_purchase_is_searched_for_put_into_the_cart_and_made(browser: Browser, website: str) -> None:
    sent: list[dict[str, Any]] = []

    def collect(route: Route) -> None:
        sent.extend(events_of(route.request))
        accept(route)

    context = browser.new_context()
    context.route("**/csc-batch", collect)
    page = context.new_page()
    page.goto(website)
    page.fill("#q", "mug")
    page.press("#q", "Enter")
    page.wait_for_url("**/search?q=mug")
    page.click("#results a")
    page.click("main .product button.add")
    page.click("a.cart")
    page.click("#checkout")
    page.wait_for_url("**/thanks?order=*")
    page.goto(f"{website}/lookbook/1")
    page.click(".pager a >> nth=2")
    page.go_back()
    # An event whose answer was lost to a change of page is sent again after ten seconds, under the same id.
    wait_for(page, "localStorage._dvq == '[]'")
    events = sorted({event["e"]: event for event in sent}.values(), key=lambda event: event["c"])
    signals: dict[str, Any] = {event["t"]: event.get("u") for event in events}
    assert signals["search"] == {"query": "mug", "results": 1}
    assert signals["addToCart"]["sku"] == "TT-303"
    assert (signals["purchase"]["total"], len(signals["purchase"]["items"])) == (16, 1)
    views = [event["l"].removeprefix(website).split("=")[0] for event in events if event["t"] == "pageView"]
    assert views == [
        "/", "/search?q", "/product/enamel-mug", "/cart", "/thanks?order", "/lookbook/1", "/lookbook/3", "/lookbook/1",
    ]  # fmt: skip
    context.close()


@pytest.mark.parametrize(
    ("names", "endpoint"),
    [({}, "/csc-batch"), ({"COLLECTOR_PREFIX": "/c/", "COLLECTOR_BATCH_SUFFIX": "b"}, "/c/b")],
    ids=["default names", "other names"],
)
def test_a_page_of_another_origin_needs_nothing_but_the_scripts_address(
    browser: Browser, start: Start, names: dict[str, str], endpoint: str
) -> None:
    website = start(**names)
    sent: list[Request] = []

    def collect(route: Route) -> None:
        sent.append(route.request)
        answer = {"accepted": [event["e"] for event in events_of(route.request)], "rejected": []}
        route.fulfill(json=answer, headers={"Access-Control-Allow-Origin": "*"})

    context = browser.new_context()
    context.route(f"{website}{endpoint}", collect)
    page = context.new_page()
    page.on("requestfailed", lambda request: pytest.fail(f"{request.url}: {request.failure}"))
    with SiteServer(SITE, script_origin=website) as shop:
        page.goto(f"{shop.url}/lamps")
        page.evaluate("divolte.signal('order')")
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
        assert [event["t"] for request in sent for event in events_of(request)] == ["pageView", "order"]
        assert shop.batches == []
        assert {event["l"] for request in sent for event in events_of(request)} == {f"{shop.url}/lamps"}
        # The shop's own cookies, and none of the collector's.
        assert {cookie.get("domain") for cookie in context.cookies()} == {"127.0.0.1"}
        assert page.evaluate("document.cookie.includes('_dvp')")
    context.close()


def test_without_javascript_a_pixel_counts_the_view(browser: Browser, website: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    with page.expect_request("**/csc-event*") as pixel:
        page.goto(f"{website}/about")
    assert pixel.value.url == f"{website}/csc-event?t=pageView&noscript=1"
    assert pixel.value.headers["referer"] == f"{website}/about", "the collector knows the page by it"
    context.close()


def test_headers_are_strong_and_caches_know_what_to_keep(website: str) -> None:
    page = httpx.get(website)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert page.headers["Cache-Control"] == "no-cache"
    again = httpx.get(website, headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304
    asset = page.text.split('<link rel="stylesheet" href="')[1].split('"')[0]
    assert httpx.get(f"{website}{asset}").headers["Cache-Control"] == "public, max-age=31536000, immutable"
    tracker = httpx.get(f"{website}/divolte.js")
    assert "_dvu" not in tracker.text, "by default it cannot identify users"
    assert tracker.headers["Cache-Control"] == "public, max-age=3600"
    assert tracker.headers["Cross-Origin-Resource-Policy"] == "cross-origin", "other sites may load it"


@pytest.mark.parametrize(("accepted", "used"), [("gzip", "gzip"), ("gzip, br", "br")])
def test_what_is_sent_is_compressed(website: str, accepted: str, used: str) -> None:
    for path in ("/", "/divolte.js", "/blog/packing-light", "/assets/scene/1.svg"):
        answer = httpx.get(f"{website}{path}", headers={"Accept-Encoding": accepted})
        assert answer.headers["Content-Encoding"] == used, path
        assert "Accept-Encoding" in answer.headers["Vary"], path


def test_an_unknown_address_gets_a_page_of_its_own_with_status_404(website: str) -> None:
    for path in ("/nowhere", "/product/none", "/404"):
        answer = httpx.get(f"{website}{path}")
        assert answer.status_code == 404
        assert "Lost in the woods" in answer.text
        assert "Content-Security-Policy" in answer.headers
    assert httpx.post(f"{website}/").status_code == 405


def test_paths_domain_options_and_third_parties_are_settings(start: Start, browser: Browser) -> None:
    website = start(
        secret="abc123",
        WEBSITE_ORIGIN="https://shop.example.com",
        COLLECTOR_PREFIX="/c/",
        TRACKER_PATH="/assets/t.js",
        TRACKER_OPTIONS="cookieless hash",
        COOKIE_DOMAIN="example.com",
        GOOGLE_ANALYTICS_ID="G-ABC123",
        CLARITY_ID="abcdef",
        USER_IDS="hashed",
    )
    context = browser.new_context()
    asked: list[str] = []

    def elsewhere(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    context.route(lambda url: not url.startswith(website), elsewhere)
    context.route("**/c/csc-batch", accept)
    page = context.new_page()
    with page.expect_request("**/c/csc-batch") as batch:
        page.goto(website)
    assert events_of(batch.value)[0]["t"] == "pageView"
    page.wait_for_load_state("networkidle")
    assert sorted(url.split("?")[0] for url in asked) == [
        "https://api.ipstack.com/check",
        "https://www.clarity.ms/tag/abcdef",
        "https://www.googletagmanager.com/gtag/js",
    ]
    assert context.cookies() == []
    html = page.content()
    assert 'src="/assets/t.js"' in html
    assert 'data-domain="example.com"' in html
    assert '<link rel="canonical" href="https://shop.example.com/">' in html
    assert "/c/csc-event?t=pageView" in html
    tracker = httpx.get(f"{website}/assets/t.js")
    assert tracker.content == httpx.get(f"{website}/divolte.js").content, "Divolte's name works besides"
    assert "_dvu" in tracker.text, "it can identify users"
    context.close()


@pytest.mark.parametrize(
    ("environment", "said", "not_said"),
    [
        ({}, ["is not tracked", "_dvp", "_dvs", "without its last part"], ["not taken into account"]),
        (
            {"PRIVACY_SIGNALS": "anonymise", "IP_STORAGE": "full"},
            ["counted without an identifier", "is kept with what you did"],
            ["is not tracked", "without its last part"],
        ),
        (
            {"PRIVACY_SIGNALS": "ignore", "TRACKER_OPTIONS": "cookieless ignore-gpc", "IP_STORAGE": "none"},
            ["are not taken into account", "No cookie is set", "and is not kept"],
            ["are followed", "_dvp"],
        ),
    ],
)
def test_the_privacy_page_says_what_is_done(
    start: Start, environment: dict[str, str], said: list[str], not_said: list[str]
) -> None:
    html = httpx.get(f"{start(**environment)}/privacy").text.partition("<main")[2].partition("</main")[0]
    assert [text for text in said if text not in html] == []
    assert [text for text in not_said if text in html] == []


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("COLLECTOR_PREFIX", "c", "it must be a path that begins and ends with a slash"),
        ("TRACKER_PATH", "/t.css", "it must be a path that ends in .js"),
        ("TRACKER_OPTIONS", "cookies", "it must be a list of: cookieless consent hash ignore-gpc manual"),
        ("PRIVACY_SIGNALS", "maybe", "it must be ignore, anonymise or drop"),
        ("IP_STORAGE", "some", "it must be full, truncated or none"),
        ("USER_IDS", "some", "it must be none, hashed or plain"),
        ("GOOGLE_ANALYTICS_ID", '"><script>', "it must be a measurement id"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_says_why(
    engine: docker.DockerClient, start: Start, setting: str, value: str, complaint: str
) -> None:
    del start  # has built the image
    with pytest.raises(ContainerError) as error:
        engine.containers.run(
            "clickstream-test/website",
            environment={setting: value},
            remove=True,
            tmpfs={"/var/lib/website": "uid=10001"},
        )
    assert error.value.exit_status == 64
    assert complaint in str(error.value)
