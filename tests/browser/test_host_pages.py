"""Pages that trackers are known to break, or that break trackers: the page keeps working, and its events arrive."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.browser.site_server import SiteServer, accept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page

PARTNER = "https://partner.example/there"
MOST_CHARACTERS = 300_000
"""How much of the storage that it shares with the site the queue may take."""
LATER = """<script data-divolte type="module" src="/divolte.js"></script>"""
PREVENT = "addEventListener('click', event => event.preventDefault())"


@pytest.fixture
def warnings(page: Page) -> list[str]:
    """The tracker's warnings in the page's console."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.text.startswith("divolte") else None)
    return found


def settled(page: Page) -> None:
    """Wait until every event that the page has made so far has arrived."""
    page.evaluate("new Promise(done => divolte.whenCommitted(done))")


def paths(site: SiteServer, kind: str = "pageView") -> list[str]:
    return [event["l"].removeprefix(site.url) for event in site.of_type(kind)]


class TestStorage:
    def test_a_blocked_collector_leaves_the_storage_to_the_site(
        self, site: SiteServer, page: Page, warnings: list[str]
    ) -> None:
        page.route("**/csc-batch", lambda route: route.abort())
        with page.expect_console_message(lambda message: message.text.startswith("divolte")):
            page.goto(site.url)
        early, late = page.evaluate("""() => {
          const spent = [0, 0];
          for (let i = 0; i < 600; i++) {
            const start = performance.now();
            divolte.signal('large', {i, text: 'x'.repeat(9000)});
            if (i >= 100 && i < 200) spent[0] += performance.now() - start;
            if (i >= 500) spent[1] += performance.now() - start;
          }
          localStorage.cart = 'y'.repeat(20000);
          return spent;
        }""")
        assert late < 4 * early, "ms for 100 calls: they do not get slower with the number of those before"
        assert page.evaluate("localStorage._dvq.length") <= MOST_CHARACTERS
        page.evaluate("for (let i = 0; i < 1000; i++) divolte.signal('small', {i})")
        assert page.evaluate("JSON.parse(localStorage._dvq).length") <= 300
        assert warnings == [f"divolte: no answer {site.url}/csc-batch"]
        page.unroute("**/csc-batch")
        page.evaluate("dispatchEvent(new Event('online'))")
        page.wait_for_function("localStorage._dvq == '[]'")
        numbers = [event["u"]["i"] for event in site.of_type("small")]
        assert sorted(numbers) == sorted(set(numbers)), "none twice"
        assert max(numbers) == 999

    def test_a_frame_without_storage_or_cookies_still_reports(self, site: SiteServer, page: Page) -> None:
        site.body = "<button onclick=\"divolte.signal('buy'); window.done = 1\">Buy</button>"
        page.goto(site.url)
        page.evaluate("document.body.innerHTML = '<iframe sandbox=allow-scripts src=/framed></iframe>'")
        site.wait_for("pageView", 2)
        frame = page.frames[1]
        frame.click("button")
        assert frame.evaluate("window.done") == 1
        site.wait_for("buy")
        assert {event["p"] for event in site.events if event["l"].endswith("/framed")} == {
            frame.evaluate("divolte.partyId")
        }

    def test_a_lock_held_elsewhere_delays_nothing_for_long(
        self, site: SiteServer, page: Page, context: BrowserContext
    ) -> None:
        holder = context.new_page()
        site.attributes = "data-manual"
        holder.goto(f"{site.url}/holder")
        holder.evaluate("new Promise(held => navigator.locks.request('_dvq', () => new Promise(held)))")
        site.attributes = ""
        page.goto(site.url)
        settled(page)
        assert paths(site) == ["/"]


class TestTwice:
    def test_a_page_with_the_script_twice_is_counted_once(self, site: SiteServer, page: Page) -> None:
        site.extension = '<script data-divolte src="/divolte.js"></script>'
        site.body = f'<a href="{PARTNER}">out</a>'
        page.goto(site.url)
        page.evaluate(PREVENT)
        for number in range(3):
            page.evaluate(
                """number => new Promise(done => {
                  const copy = document.createElement('script');
                  copy.src = document.querySelector('[data-divolte]').src;
                  copy.onload = done;
                  document.body.append(copy);
                }).then(() => number || history.pushState(null, '', '/next'))""",
                number,
            )
        page.click("a")
        page.evaluate("divolte.signal('end')")
        site.wait_for("end")
        assert paths(site) == ["/", "/next"]
        assert len(site.of_type("outbound")) == 1
        assert len({event["e"] for event in site.events}) == len(site.events)

    def test_an_element_named_like_the_tracker_is_not_taken_for_it(self, site: SiteServer, page: Page) -> None:
        site.body = '<form id="divolte" name="divolte"></form><nav id="navigation"></nav>'
        page.goto(site.url)
        site.wait_for("pageView")


@pytest.mark.parametrize(
    "body",
    [
        '<iframe name="hidden"></iframe>',
        '<form name="referrer"></form><form name="hidden"></form>',
        '<img name="cookie"><img name="title"><img name="location"><img name="body"><img name="head">',
        '<form><input name="closest"><input name="localName"><input name="href"><input name="scrollTop"></form>',
    ],
    ids=["hidden", "referrer", "cookie", "form"],
)
def test_elements_do_not_shadow_properties_of_the_document(
    site: SiteServer, page: Page, context: BrowserContext, body: str
) -> None:
    site.body = '<a href="/shadowed">next</a>'
    page.goto(site.url)
    site.wait_for("pageView")
    site.body = body
    page.click("a")
    view = site.wait_for("pageView", 2)[1]
    assert view["r"] == f"{site.url}/"
    assert {cookie.get("name") for cookie in context.cookies()} >= {"_dvp", "_dvs"}
    assert (view["p"], view["n"]) == (site.of_type("pageView")[0]["p"], False)
    page.mouse.click(20, 20)
    page.goto("about:blank")
    site.wait_for("engagement", 2)


class TestLinks:
    @pytest.mark.parametrize(
        "body",
        [
            f'<x-card id="link"></x-card><script>document.querySelector("x-card").attachShadow({{mode: "open"}})'
            f".innerHTML = '<a href=\"{PARTNER}\"><b>shadow</b></a>'</script>",
            f'<svg><a href="{PARTNER}"><text id="link" y="20">svg</text></a></svg>',
            f'<svg xmlns:xlink="http://www.w3.org/1999/xlink"><a xlink:href="{PARTNER}">'
            '<text id="link" y="20">svg</text></a></svg>',
            f'<img usemap="#m" width="99" height="99" id="link"><map name="m">'
            f'<area shape="rect" coords="0,0,99,99" href="{PARTNER}"></map>',
        ],
        ids=["shadow", "svg", "xlink", "area"],
    )
    def test_links_of_every_kind_are_seen(self, site: SiteServer, page: Page, body: str) -> None:
        site.body = body
        page.goto(site.url)
        page.evaluate(PREVENT)
        page.click("#link")
        (event,) = site.wait_for("outbound")
        assert event["u"] == {"url": PARTNER}

    def test_links_without_a_valid_address_are_ignored(self, site: SiteServer, page: Page) -> None:
        site.body = (
            '<a id="a">none</a> <a id="b" href="http://[">bad</a> <a id="c" href="tel:1">tel</a> <p id="d">p</p>'
        )
        page.goto(site.url)
        page.evaluate(PREVENT)
        for name in "abcd":
            page.click(f"#{name}")
        page.evaluate("divolte.signal('end')")
        site.wait_for("end")
        assert {event["t"] for event in site.events} == {"pageView", "end"}

    @pytest.mark.parametrize("domain", ["shop.localhost", ".shop.localhost"])
    def test_links_to_hosts_that_share_the_cookies_are_not_outbound(
        self, site: SiteServer, page: Page, domain: str
    ) -> None:
        site.attributes = f'data-domain="{domain}"'
        origin = site.url.replace("127.0.0.1", "{}shop.localhost")
        site.body = (
            f'<a id="sub" href="{origin.format("cart.")}">cart</a> <a id="top" href="{origin.format("")}">top</a> '
            f'<a id="out" href="{PARTNER}">out</a>'
        )
        page.goto(origin.format("www."))
        page.evaluate(PREVENT)
        for name in ("sub", "top", "out"):
            page.click(f"#{name}")
        page.evaluate("divolte.signal('end')")
        site.wait_for("end")
        assert [event["u"]["url"] for event in site.of_type("outbound")] == [PARTNER]


class TestTimeAndDepth:
    @pytest.mark.parametrize("hours", [8, -1])
    def test_sleep_and_a_changed_clock_do_not_count_as_engagement(
        self, site: SiteServer, page: Page, hours: int
    ) -> None:
        page.clock.install()
        page.goto(site.url)
        site.wait_for("pageView")
        page.evaluate("hours => { const past = Date; Date = class extends past {"
                      "constructor(...given) { given.length ? super(...given) : super(past.now() + hours * 36e5) } };"
                      "Date.now = () => past.now() + hours * 36e5 }", hours)  # fmt: skip
        if hours > 0:
            page.clock.fast_forward(hours * 3_600_000)
        page.goto("about:blank")
        (event,) = site.wait_for("engagement")
        assert 0 <= event["u"]["engagement_ms"] < 60_000

    @pytest.mark.parametrize(("scroll_to", "least", "most"), [(0, 5, 15), (4100, 40, 60)])
    def test_scroll_depth_is_that_of_the_element_that_scrolls(
        self, site: SiteServer, page: Page, scroll_to: int, least: int, most: int
    ) -> None:
        site.height = 0
        site.body = (
            "<style>body { margin: 0; height: 100vh; overflow: hidden } main { height: 100vh; overflow: auto }</style>"
            '<main><div style="height: 9000px">long</div></main>'
        )
        page.goto(site.url)
        site.wait_for("pageView")
        page.evaluate("top => document.querySelector('main').scrollTop = top", scroll_to)
        page.goto("about:blank")
        (event,) = site.wait_for("engagement")
        assert least <= event["u"]["scroll_percent"] <= most

    @pytest.mark.parametrize(
        "replaced", ["() => new Date()", "() => new Date().getTime() + 0.123"], ids=["a Date", "a fraction"]
    )
    def test_a_replaced_clock_does_not_change_ids_and_times(self, site: SiteServer, page: Page, replaced: str) -> None:
        page.add_init_script(f"Date.now = {replaced}")
        page.goto(site.url)
        (view,) = site.wait_for("pageView")
        assert isinstance(view["c"], int)
        assert int(view["p"].split(":")[1], 36) == pytest.approx(view["c"], abs=5_000)


class TestRouters:
    def test_replacing_the_address_keeps_the_view(self, site: SiteServer, page: Page) -> None:
        site.extension = (
            "<script>addEventListener('DOMContentLoaded', () => history.replaceState({}, '', '/home'))</script>"
        )
        page.goto(site.url)
        page.evaluate("for (const text of ['l', 'la', 'lam', 'lamp']) history.replaceState({}, '', '?q=' + text)")
        page.evaluate("location.hash = 'top'; divolte.signal('end')")
        (end,) = site.wait_for("end")
        assert paths(site) == ["/"]
        assert end["l"] == f"{site.url}/home?q=lamp#top"
        page.evaluate("history.pushState({}, '', '/other')")
        other = site.wait_for("pageView", 2)[1]
        assert other["r"].startswith(f"{site.url}/home?q=lamp")

    def test_routers_of_the_navigation_api_are_followed(self, site: SiteServer, page: Page) -> None:
        site.body = '<a href="/third">third</a>'
        page.goto(f"{site.url}/p")
        page.evaluate("navigation.addEventListener('navigate', event => event.intercept({handler: async () => {}}))")
        page.evaluate("navigation.navigate('/next').finished.then(() => {})")
        page.evaluate("navigation.navigate('/next?q=1', {history: 'replace'}).finished.then(() => {})")
        page.click("a")
        page.wait_for_url("**/third")
        page.evaluate("navigation.back().finished.then(() => {})")
        page.evaluate("history.pushState(null, '', '/pushed')")
        views = site.wait_for("pageView", 5)
        assert paths(site) == ["/p", "/next", "/third", "/next?q=1", "/pushed"]
        assert [event.get("r", "").removeprefix(site.url) for event in views] == [
            "", "/p", "/next?q=1", "/third", "/next?q=1",
        ]  # fmt: skip

    def test_a_prerendered_page_counts_once_it_is_seen(self, site: SiteServer, page: Page) -> None:
        page.add_init_script("""
          window.seen = false;
          Object.defineProperty(Document.prototype, 'hidden', {get: () => !seen});
        """)
        page.goto(site.url)
        page.evaluate("dispatchEvent(new Event('pageshow'))")
        assert site.batches == []
        before = page.evaluate("Date.now()")
        page.evaluate("seen = true; document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
        (view,) = site.wait_for("pageView")
        assert view["c"] >= before


AWKWARD = """() => {
  const circular = {a: 1};
  circular.self = circular;
  const calls = [
    ['bigint', {id: 10n}], ['circular', circular], ['window', window], ['function', () => 1],
    ['symbol', Symbol('x')], ['toJSON', {toJSON() { throw 0 }}], ['getter', {get a() { throw 0 }}],
    ['date', new Date(NaN)], ['element', document.body], ['half', {title: 'Fête 🎉'.slice(0, 6)}],
    [Symbol('type'), {}], [7, {}], [{toString() { throw 0 }}, {}],
  ];
  let deep = {};
  for (let i = 0; i < 1e5; i++) deep = {deep};
  calls.push(['deep', deep]);
  return calls.map(([type, parameters]) => divolte.signal(type, parameters));
}"""


def test_signal_never_throws_into_the_page(site: SiteServer, page: Page) -> None:
    page.goto(site.url)
    ids = page.evaluate(AWKWARD)
    assert [value is None for value in ids] == [False] * 10 + [True, False, True, False]
    page.evaluate("divolte.signal('end')")
    site.wait_for("end")
    assert site.of_type("bigint")[0]["u"] == {"id": "10"}
    assert len(site.of_type("circular")) == 1
    assert {event["t"] for event in site.events} >= {"function", "symbol", "toJSON", "getter", "7", "deep"}


@pytest.fixture
def strict() -> Iterator[dict[str, str]]:
    """A site whose page (`html`) and Content-Security-Policy (`policy`) the test sets; its address is `url`."""
    state = {"html": "", "policy": ""}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

        def do_GET(self) -> None:
            body = state["html"].encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", state["policy"])
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state["url"] = f"http://127.0.0.1:{server.server_port}/"
    yield state
    server.shutdown()
    server.server_close()


class TestPolicies:
    PAGE = """<!doctype html><title>Strict</title><script nonce="n">window.violations = [];
    document.addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective))</script>
    <script nonce="n" data-divolte src="{origin}/divolte.js"></script>"""
    POLICY = (
        "default-src 'none'; script-src 'nonce-n' 'strict-dynamic'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )

    def test_the_tracker_needs_its_origin_and_nothing_else(
        self, site: SiteServer, page: Page, strict: dict[str, str]
    ) -> None:
        strict["html"] = self.PAGE.format(origin=site.url)
        strict["policy"] = f"{self.POLICY}; connect-src {site.url}"
        page.goto(strict["url"])
        settled(page)
        assert len(site.of_type("pageView")) == 1
        assert page.evaluate("violations") == []

    def test_forbidden_requests_are_reported_once_in_the_console(
        self, site: SiteServer, page: Page, strict: dict[str, str], warnings: list[str]
    ) -> None:
        strict["html"] = self.PAGE.format(origin=site.url)
        strict["policy"] = self.POLICY
        with page.expect_console_message(lambda message: message.text.startswith("divolte: no answer")):
            page.goto(strict["url"])
        assert page.evaluate("divolte.signal('order')") is not None
        page.evaluate("new Promise(done => divolte.whenCommitted(done, 1500))")
        assert warnings == [f"divolte: no answer {site.url}/csc-batch"]
        strict["policy"] = f"{self.POLICY}; connect-src {site.url}"
        page.goto(f"{strict['url']}later")
        site.wait_for("pageView", 2)
        site.wait_for("order")


def test_an_answer_that_is_not_a_collectors_does_not_harm_the_page(site: SiteServer, page: Page) -> None:
    rejections: list[str] = []
    page.on("console", lambda message: rejections.append(message.text))
    site.answer = lambda _: (200, "not an answer")
    page.goto(site.url)
    site.wait("an answer", lambda: site.batches)
    site.answer = accept
    assert page.evaluate("divolte.signal('later')") is not None
    site.wait_for("later")
    assert not [text for text in rejections if "Uncaught" in text]


def test_a_script_without_current_script_finds_its_element(site: SiteServer, page: Page) -> None:
    """As a module, or where Cloudflare's Rocket Loader starts it."""
    page.goto(site.url)
    page.route("**/later", lambda route: route.fulfill(content_type="text/html", body=LATER))
    page.goto(f"{site.url}/later")
    site.wait_for("pageView", 2)
    assert sorted(paths(site)) == ["/", "/later"]
