"""`make check-tag` names what is wrong with a page's tag, and finds nothing wrong with a good one."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import StackConfig
from tests.browser.collector_server import CollectorServer, collector, pages
from tests.support.stack_config import raw_config
from tools.check_tag import Finding, findings
from tools.tag import Tag, text
from tools.tag_visit import visit

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
