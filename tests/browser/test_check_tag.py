"""`make check-tag` names what is wrong with a page's tag, and finds nothing wrong with a good one."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import sync_playwright

from infra.config import StackConfig
from tests.browser.collector_server import CollectorServer, collector, pages
from tests.support.stack_config import raw_config
from toolchain import chromium
from tools.blocker_lists import BlockerLists
from tools.check_tag import Finding, blocked_names, findings
from tools.tag import Tag, text
from tools.tag_visit import observe, visit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SITE = {"name": "shop", "hosts": ["127.0.0.1"]}
PAGE = "<!doctype html><html><head><title>A shop</title>{tag}</head><body>Hello</body></html>"


@contextlib.contextmanager
def page(html: str, status: int = 200, policy: str = "") -> Iterator[str]:
    """A page's address."""
    with pages(html, only="/lamps", status=status, policy=policy) as site:
        yield f"{site}/lamps"


def tag_of(server: CollectorServer, **config: Any) -> tuple[Tag, Mapping[str, str]]:
    """The tag of a stack with that configuration, and the names that the stack uses."""
    parsed = StackConfig.parse("test", raw_config(**config))
    names = parsed.tracking.public_names
    outputs = {
        "website": f"http://localhost:{server.port}", "tracking": names, "tagOptions": parsed.tracking.tag_options,
        "sites": [],
    }  # fmt: skip
    return Tag.of_outputs(outputs), names


def explained(address: str, tag: Tag, names: Mapping[str, str], seconds: float = 10) -> list[Finding]:
    # Playwright allows one instance in a thread, and the tests of this folder have one.
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(visit, address, tag, names, seconds=seconds).result()
    return list(findings(found, tag, names))


def problem(found: list[Finding]) -> str:
    """The only one."""
    (bad,) = [item.text for item in found if not item.good]
    return bad


@pytest.fixture
def server(tmp_path: Path, scripts: Path) -> Iterator[CollectorServer]:
    with collector(tmp_path, script_file=scripts / "divolte.js", sites=[SITE]) as running:
        yield running


def test_a_good_page_has_no_problem(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    with page(PAGE.format(tag=text(tag, ["html"]))) as address:
        found = explained(address, tag, names)
    assert [item.text for item in found if not item.good] == []
    assert "The collector accepted 1 of 1 events." in [item.text for item in found]
    assert len(server.records(1)) == 1


def test_a_page_that_does_not_open(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    with page("gone", 404) as address:
        assert problem(explained(address, tag, names)) == "The page answers 404."
    assert "nothing answers at that address" in problem(explained(address, tag, names))


def test_a_page_without_a_tag_or_with_another_ones(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    with page(PAGE.format(tag="")) as address:
        assert "The page has no tag" in problem(explained(address, tag, names, seconds=1))
    other = replace(tag, script=tag.script.replace("localhost", "127.0.0.1"))
    with page(PAGE.format(tag=other.element)) as address:
        assert f"loads {other.script}, which is not this stack's script" in problem(
            explained(address, tag, names, seconds=1)
        )


def test_a_policy_that_forbids_the_script_or_only_the_events(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    for policy in ("script-src 'self'", "connect-src 'self'"):
        with page(PAGE.format(tag=tag.element), policy=policy) as address:
            found = problem(explained(address, tag, names, seconds=3))
        assert "Content-Security-Policy forbids" in found, policy
        assert tag.origin in found


def test_a_script_that_is_not_there_or_not_reachable(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    wrong = replace(tag, script=f"{tag.origin}/c/divolte.js")
    with page(PAGE.format(tag=wrong.element)) as address:
        assert "answers 404" in problem(explained(address, wrong, names, seconds=1))
    closed = replace(tag, origin="http://localhost:9", script="http://localhost:9/divolte.js")
    with page(PAGE.format(tag=closed.element)) as address:
        assert "could not be loaded" in problem(explained(address, closed, names, seconds=1))


def test_a_script_that_is_no_tracker(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    other = replace(tag, script=f"{tag.origin}/ping")
    with page(PAGE.format(tag=other.element)) as address:
        found = problem(explained(address, other, names, seconds=1))
    assert "no window.divolte" in found
    assert "pong is not defined" in found


def test_a_tag_that_waits_for_consent(server: CollectorServer) -> None:
    tag, names = tag_of(server, consentRequired=True)
    with page(PAGE.format(tag=tag.element)) as address:
        assert "waits for the visitor's consent" in problem(explained(address, tag, names, seconds=1))


def test_a_host_that_is_none_of_the_sites(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    with page(PAGE.format(tag=tag.element)) as address:
        found = problem(explained(address.replace("127.0.0.1", "shop.localhost"), tag, names))
    assert "The collector rejected pageView: the page's host is not one of the stack's sites" in found
    assert "Add the page's host to clickstream:sites" in found


def test_answers_that_the_page_may_not_read(tmp_path: Path, scripts: Path) -> None:
    allowed = ("https://shop.example",)
    with collector(tmp_path, script_file=scripts / "divolte.js", allowed_origins=allowed) as server:
        tag, names = tag_of(server)
        with page(PAGE.format(tag=tag.element)) as address:
            assert "not in the stack's allowedOrigins" in problem(explained(address, tag, names, seconds=3))


def test_cookies_that_the_browser_does_not_keep(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    other = replace(tag, attributes={**tag.attributes, "data-domain": "other.example"})
    with page(PAGE.format(tag=other.element)) as address:
        assert "does not keep _dvp and _dvs" in problem(explained(address, tag, names))


LISTS = {
    "EasyOnes": "! a comment\n/divolte.js\n||clicks.shop.example^$third-party\n/pixel-event?",
    "Exceptions": "@@||mended.example/divolte.js",
}


def noted(tag: Tag, names: Mapping[str, str], page: str) -> list[str]:
    found = list(blocked_names(BlockerLists(LISTS), page, tag, names))
    assert all(item.good for item in found), "the exit status is about this browser"
    return [item.text for item in found if item.note]


def stack_at(origin: str, **config: Any) -> tuple[Tag, Mapping[str, str]]:
    names = StackConfig.parse("test", raw_config(**config)).tracking.public_names
    return Tag.of_outputs({"origin": origin, "tracking": names, "tagOptions": [], "sites": []}), names


def test_a_name_on_a_blocker_list_is_noted_with_its_rule_and_what_to_do() -> None:
    (script,) = noted(*stack_at("https://clicks.example.net"), "https://shop.example/")
    assert script.startswith("https://clicks.example.net/divolte.js matches the rule /divolte.js of EasyOnes: ")
    assert "Set clickstream:trackerScript to a name of your own" in script
    (pixel,) = noted(
        *stack_at("https://clicks.example.net", trackerScript="lamps.js", collectorEventSuffix="pixel-event"),
        "https://shop.example/",
    )
    assert "/pixel-event matches the rule /pixel-event? of EasyOnes" in pixel
    assert "clickstream:collectorEventSuffix" in pixel


def test_a_host_on_a_blocker_list_needs_a_path_of_the_pages_own_site() -> None:
    stack = stack_at("https://clicks.shop.example", trackerScript="lamps.js")
    script, batch, pixel = noted(*stack, "https://www.lamps.example/")
    for one in (script, batch, pixel):
        assert "the rule ||clicks.shop.example^$third-party" in one
        assert "under a path of the page's own site (docs/first-party.md)" in one
    assert noted(*stack, "https://www.shop.example/") == [], "a rule for pages of other sites"


def test_names_that_no_list_has_and_exceptions_are_fine() -> None:
    for stack in (stack_at("https://mended.example"), stack_at("https://clicks.example.net", trackerScript="lamps.js")):
        (found,) = blocked_names(BlockerLists(LISTS), "https://shop.example/", *stack)
        assert found == Finding(good=True, text="None of the content blockers' lists has a rule for the tag.")


def test_a_blocker_in_the_browser(server: CollectorServer, tmp_path: Path) -> None:
    tag, names = tag_of(server)
    extension = tmp_path / "blocker"
    extension.mkdir()
    rules = [{"id": 1, "action": {"type": "block"}, "condition": {"urlFilter": "/divolte.js"}}]
    manifest = {
        "manifest_version": 3, "name": "Blocker", "version": "1", "permissions": ["declarativeNetRequest"],
        "declarative_net_request": {"rule_resources": [{"id": "all", "enabled": True, "path": "rules.json"}]},
    }  # fmt: skip
    (extension / "rules.json").write_text(json.dumps(rules))
    (extension / "manifest.json").write_text(json.dumps(manifest))

    def visited(address: str) -> list[Finding]:
        arguments = [f"--load-extension={extension}", f"--disable-extensions-except={extension}"]
        with sync_playwright() as playwright:
            context = playwright.chromium.launch_persistent_context(
                tmp_path / "profile", executable_path=chromium.executable(), args=chromium.arguments(*arguments)
            )
            found = observe(context.new_page(), address, tag, names, seconds=1)
            context.close()
        return list(findings(found, tag, names))

    with page(PAGE.format(tag=tag.element)) as address, ThreadPoolExecutor(1) as threads:
        found = problem(threads.submit(visited, address).result())
    assert found.startswith(f"{tag.script} could not be loaded: an extension or a policy of the browser blocks it")


@contextlib.contextmanager
def page_with_way(html: str, prefix: str, port: int) -> Iterator[str]:
    """A page's address, on a server that passes what is under the prefix on to that port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if not self.path.startswith(prefix):
                self.answer(200, "text/html", html.encode())
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://127.0.0.1:{port}/{self.path.removeprefix(prefix)}"
            sent = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")
            }
            got = httpx.request(self.command, url, content=body, headers=sent)
            self.answer(got.status_code, got.headers["Content-Type"], got.content)

        def do_POST(self) -> None:
            self.do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/lamps"
    server.shutdown()
    server.server_close()


def test_a_tag_that_the_pages_own_server_passes_on(server: CollectorServer) -> None:
    tag, names = tag_of(server)
    with page_with_way(
        PAGE.format(tag='<script defer data-divolte src="/c/divolte.js"></script>'), "/c/", server.port
    ) as address:
        found = explained(address, tag, names)
    texts = [item.text for item in found]
    assert all(item.good for item in found), texts
    assert f"The tracker is loaded from {address.removesuffix('lamps')}c/divolte.js." in texts
    assert "The collector accepted 1 of 1 events." in texts
    assert [record["path"] for record in server.records(1)] == ["/lamps"]
