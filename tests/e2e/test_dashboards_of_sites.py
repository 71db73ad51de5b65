"""Two sites with a viewer each: every number on every dashboard counts only events of the viewer's site."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e import known_events
from tests.e2e.figures import DASHBOARDS
from tests.e2e.journey import Access, dump, log_in
from tests.e2e.rendered import drawn, filters_that_fail, go
from tests.e2e.test_dashboards import differences
from tests.support.pulumi_cli import CliStack

HOSTS = {"shop": "localhost", "blog": "127.0.0.1"}
VIEWERS = {"shop": "ann", "blog": "ben"}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def logins(stack: CliStack, access: Access) -> Iterator[dict[str, tuple[str, str]]]:
    """User and password of each site's viewer."""
    del access  # the stack is up before it changes
    stack.config["sites"] = [{"name": site, "hosts": [host], "viewer": VIEWERS[site]} for site, host in HOSTS.items()]
    try:
        stack.operate("up", "--skip-preview")
        accounts = stack.outputs()["siteViewers"]
        yield {site: (item["user"], item["password"]) for item in accounts for site in item["sites"]}
    finally:
        del stack.config["sites"]
        stack.operate("up", "--skip-preview")


@pytest.fixture(scope="module")
def rows(logins: dict[str, tuple[str, str]], access: Access) -> list[Row]:
    """Druid's rows, after events were sent to both sites."""
    assert set(logins) == set(HOSTS)
    wanted = known_events.count(access)
    for host in HOSTS.values():
        wanted += known_events.send(replace(access, website=access.website.replace("localhost", host)))
    return known_events.rows(access, wanted)


@pytest.mark.parametrize("site", HOSTS)
def test_a_site_viewer_sees_only_the_numbers_of_the_site(
    site: str, logins: dict[str, tuple[str, str]], rows: list[Row], access: Access, browser: Browser
) -> None:
    own = [row for row in rows if row["site"] == site]
    assert own
    assert len(own) < len(rows)
    page = browser.new_context(viewport={"width": 1280, "height": 3400}).new_page()
    log_in(page, access, *logins[site])
    for slug, figures in DASHBOARDS.items():
        charts = drawn(go(page, access, slug))
        assert not [title for title, chart in charts.items() if chart.failed], slug
        assert filters_that_fail(page) == [], slug
        wrong = differences(charts, figures, own)
        assert not wrong, dump({slug: wrong})
    page.context.close()
