"""What `make tag` prints, pasted into a page of another origin, delivers each page view once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra.config import StackConfig
from tests.browser.collector_server import CollectorServer, collector, pages
from tests.support.stack_config import raw_config
from tests.support.tracker import QUEUE_IS_EMPTY
from tools.tag import Tag, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

PAGE = "<!doctype html><html><head><title>A shop</title>{policy}{tag}</head><body>Hello</body></html>"
POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'; {directives}">'
SITE = {"name": "shop", "hosts": ["127.0.0.1"]}


@pytest.fixture
def server(tmp_path: Path, scripts: Path) -> Iterator[CollectorServer]:
    with collector(tmp_path, script_file=scripts / "divolte.js", sites=[SITE]) as running:
        yield running


@pytest.fixture
def tag(server: CollectorServer) -> Tag:
    """That of a stack under another name than the pages have."""
    config = StackConfig.parse("test", raw_config(sites=[SITE]))
    outputs = {
        "website": f"http://localhost:{server.port}",
        "tracking": config.tracking.public_names,
        "tagOptions": config.tracking.tag_options,
        "sites": [site.model_dump(mode="json", by_alias=True) for site in config.sites.sites],
    }
    return Tag.of_outputs(outputs, "shop")


def pasted(tag: Tag, form: str) -> str:
    return re.sub(r"<\?php.*?\?>|<\?php.*", "", text(tag, [form]), flags=re.DOTALL)


@pytest.mark.parametrize("form", ["html", "gtm", "wordpress"])
def test_a_visit_is_one_page_view_of_the_site(form: str, page: Page, server: CollectorServer, tag: Tag) -> None:
    with pages(PAGE.format(policy="", tag=pasted(tag, form))) as origin:
        page.goto(f"{origin}/lamps")
        page.wait_for_function("window.divolte")
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
        assert page.evaluate(QUEUE_IS_EMPTY), "confirmed, not only timed out"
        (record,) = server.records(1)
    assert (record["site"], record["event_type"], record["location"]) == ("shop", "pageView", f"{origin}/lamps")


def test_a_page_with_a_policy_needs_the_directives_and_no_more(page: Page, server: CollectorServer, tag: Tag) -> None:
    directives = text(tag, ["csp"]).splitlines()[-1]
    policy = POLICY.format(directives=directives)
    with pages(PAGE.format(policy=policy, tag=pasted(tag, "html"))) as origin:
        page.goto(f"{origin}/lamps")
        page.wait_for_function("window.divolte")
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
        assert page.evaluate(QUEUE_IS_EMPTY)
        assert len(server.records(1)) == 1


def test_without_javascript_the_picture_counts(
    context_without_javascript: BrowserContext, server: CollectorServer, tag: Tag
) -> None:
    page = context_without_javascript.new_page()
    with pages(PAGE.format(policy="", tag="").replace("Hello", pasted(tag, "html"))) as origin:
        page.goto(f"{origin}/lamps")
        page.wait_for_load_state("networkidle")
        (record,) = server.records(1)
    assert (record["site"], record["event_source"], record["location"]) == ("shop", "pixel", f"{origin}/lamps")


@pytest.fixture
def context_without_javascript(context: BrowserContext) -> Iterator[BrowserContext]:
    assert context.browser is not None
    without = context.browser.new_context(java_script_enabled=False)
    yield without
    without.close()
