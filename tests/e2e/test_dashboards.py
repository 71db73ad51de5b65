"""A known set of events is sent; every chart of every dashboard shows what Python makes of the rows."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from infra.paths import SUPERSET_ASSETS
from infra.resources.superset.bundle import load_assets
from services.superset.clickstream_superset.time_axis import SHORTEST
from tests.e2e import dead_letters, known_events
from tests.e2e.figures import DASHBOARDS, DEAD_LETTERS, Figures
from tests.e2e.journey import Access, dump, log_in, save
from tests.e2e.rendered import Drawn, drawn, figure, filters_that_fail, go, open_charts, same, titled
from tests.support.waiting import until

Row = dict[str, Any]

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 4200},
    "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/150.0.0.0 Mobile Safari/537.36",
    "is_mobile": True,
    "has_touch": True,
}
BOXES = """
() => [...document.querySelectorAll('[data-test-chart-name]')].map(chart => {
  const {left, right, top, bottom} = chart.getBoundingClientRect();
  return {title: chart.dataset.testChartName, left, right, top, bottom};
})
"""


@pytest.fixture(scope="module")
def window(access: Access, browser: Browser) -> Iterator[Page]:
    """Somebody who is logged in, before the first visitor comes."""
    page = open_charts(browser, access, "live")
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def rows(access: Access, window: Page) -> list[Row]:  # noqa: ARG001 - it looks at the empty dashboard first
    """Druid's rows of a known set of events."""
    before = known_events.count(access)
    return known_events.rows(access, before + known_events.send(access))


def test_a_dashboard_without_a_single_event_counts_0_and_says_that_there_is_nothing_yet(
    window: Page, access: Access
) -> None:
    if known_events.count(access):
        pytest.skip("this stack has events already: an earlier test sent some")
    charts = drawn(window)
    assert not [title for title, chart in charts.items() if chart.failed]
    assert "Nothing here yet" in charts["Newest events table"].text
    for title in ("Visitors in the last 5 minutes", "Visitors in the last 30 minutes"):
        assert titled(charts, title).rows == [{"unique_visitors": 0}], title
    views = titled(charts, "Views in the last 30 minutes").rows
    assert len(views) >= SHORTEST
    assert not any(row["page_views"] for row in views)


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_every_chart_shows_the_figure_that_python_computes(
    slug: str, rows: list[Row], access: Access, window: Page, pictures: Path
) -> None:
    charts = drawn(go(window, access, slug))
    save(window, pictures / f"{slug}.png")
    assert not [title for title, chart in charts.items() if chart.failed], "a chart says that it failed"
    assert filters_that_fail(window) == []
    wrong = differences(charts, DASHBOARDS[slug], rows)
    assert not wrong, dump(wrong)


def differences(charts: dict[str, Drawn], figures: Figures, rows: list[Row]) -> dict[str, Any]:
    """The charts that show something else than what their figure makes of the rows."""
    wrong = {}
    for title, compute in figures.items():
        chart = titled(charts, title)
        expected = compute(rows)
        shown = figure(chart, like=expected)
        if not same(shown, expected):
            wrong[title] = {"shown": str(shown)[:600], "computed": str(expected)[:600]}
    return wrong


@pytest.mark.parametrize("slug", DASHBOARDS)
@pytest.mark.usefixtures("rows")
def test_minutes_of_events_are_not_alone_on_an_axis_of_days(slug: str, access: Access, window: Page) -> None:
    """All events of the tests are from these minutes; the axis is that of the time range, or half an hour."""
    for title, chart in drawn(go(window, access, slug)).items():
        times = [row["__time"] / 1000 for row in chart.rows or () if "__time" in row]
        if "event_id" not in str(chart.rows) and times:
            step = min(later - earlier for earlier, later in pairwise(times))
            assert step in (60, 3600), title
            assert len(times) >= min(SHORTEST, 24), f"{title}: {len(times)} steps"
            assert times == [times[0] + step * number for number in range(len(times))], f"{title} has gaps"


def test_quality_counts_the_dead_letters_that_kafka_keeps(access: Access, window: Page, pictures: Path) -> None:
    before = len(dead_letters.letters())
    wanted = before + dead_letters.send(access)
    what = f"{wanted} dead letters in Druid"
    until(lambda: known_events.count(access, "dead_letters"), lambda found: found >= wanted, what=what, seconds=120)
    letters = dead_letters.letters()
    assert len(letters) == wanted, "no more and no less than what was sent"
    wrong = differences(drawn(go(window, access, "quality")), DEAD_LETTERS, letters)
    save(window, pictures / "quality.png")
    assert not wrong, dump(wrong)


def test_a_phone_shows_every_chart_below_the_other_as_wide_as_its_screen(
    access: Access, browser: Browser, pictures: Path
) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    log_in(page, access)
    go(page, access, "quality")
    save(page, pictures / "quality-phone.png")
    width = PHONE["viewport"]["width"]
    assert page.evaluate("innerWidth") == width, "something is wider than the screen, and everything is shrunk for it"
    boxes = sorted(page.evaluate(BOXES), key=lambda box: float(box["top"]))
    context.close()
    layout = load_assets(SUPERSET_ASSETS)["dashboards/quality.yaml"]["position"]
    assert {box["title"] for box in boxes} == {
        item["meta"]["sliceName"] for item in layout.values() if isinstance(item, dict) and item["type"] == "CHART"
    }
    for box in boxes:
        assert 0 <= box["left"] < box["right"] <= width, f"beside the screen: {box}"
        assert box["right"] - box["left"] > 0.8 * width, f"not the width of the screen: {box}"
    for above, below in pairwise(boxes):
        assert above["bottom"] <= below["top"], f"{above} overlaps {below}"
