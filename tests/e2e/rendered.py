"""What a dashboard shows in the browser, read from the page itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Browser, Page, Request
from playwright.sync_api import Error as PlaywrightError

from tests.e2e.journey import Access, log_in
from tests.support.waiting import until

OPENINGS = 5

LOADING = ".loading, .ant-spin-spinning, [data-test=loading-indicator]"
CONTENT = ".slice_container, [role=alert], .ant-empty, .chart-container"

SETTLED = f"""
() => {{
  const charts = [...document.querySelectorAll('[data-test-chart-name]')];
  return charts.length > 0 && !document.querySelector('{LOADING}')
    && charts.every(chart => chart.querySelector('{CONTENT}'));
}}
"""
"""Every chart of the page has drawn something, be it that there is nothing."""

UNSETTLED = f"""
() => {{
  const charts = [...document.querySelectorAll('[data-test-chart-name]')];
  return {{
    charts: charts.length,
    loading: [...document.querySelectorAll('{LOADING}')].map(
      spinner => spinner.closest('[data-test-chart-name]')?.dataset.testChartName ?? 'the page itself'),
    empty: charts.filter(chart => !chart.querySelector('{CONTENT}')).map(chart => chart.dataset.testChartName),
    text: document.body.innerText.slice(0, 600),
  }};
}}
"""
"""What is amiss on a page that is not settled."""

# What React handed to the component that draws: the rows of the answer, on the page and nowhere else. Charts are drawn
# on a canvas, which has no text to read.
DRAWN = """
() => Object.fromEntries([...document.querySelectorAll('[data-test-chart-name]')].map(chart => {
  const leaf = chart.querySelector('.slice_container *') ?? chart.querySelector('.slice_container') ?? chart;
  const key = Object.keys(leaf).find(name => name.startsWith('__reactFiber$'));
  let rows = null, series = null;
  for (let fiber = leaf[key]; fiber && rows === null; fiber = fiber.return) {
    const props = fiber.memoizedProps ?? {};
    series ??= props.echartOptions?.series ?? null;
    const answer = props.queriesResponse ?? props.queriesData;
    if (answer) rows = answer[0]?.data ?? [];
  }
  const plain = JSON.stringify(series?.map?.(({ name, data }) => ({ name, data })) ?? null);
  return [`${chart.dataset.testChartName} ${chart.dataset.testVizType}`, {
    kind: chart.dataset.testVizType,
    text: chart.innerText,
    failed: !!chart.querySelector('[role=alert], .ant-alert-error'),
    rows,
    series: JSON.parse(plain),
  }];
}))
"""


FILTERS_WITHOUT_OPTIONS = """
() => [...document.querySelectorAll('[data-test=filter-control-name]')]
  .filter(name => !name.closest('form')?.querySelector('input, [data-test=time-range-trigger]'))
  .map(name => name.closest('form')?.innerText ?? name.innerText)
"""
"""Filters that show an error, or are still looking for their options."""


@dataclass(frozen=True)
class Drawn:
    """One chart. `rows` are those that it was given, `series` those of ECharts, `text` everything that can be read."""

    kind: str
    text: str
    failed: bool
    rows: Any
    series: list[dict[str, Any]] | None


def open_charts(browser: Browser, access: Access, slug: str, *, width: int = 1280, height: int = 3400) -> Page:
    """Log in and open a dashboard; tall enough to show all of it, because Superset draws what is in sight only."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    log_in(page, access)
    return go(page, access, slug)


def go(page: Page, access: Access, slug: str) -> Page:
    """Open another dashboard in the same window; again where Chromium gave requests up for no fault of the page's:
    it does whenever a container anywhere on the machine comes or goes, which is a change of networks to it.
    """
    for _ in range(OPENINGS):
        failed: list[str] = []

        def note(request: Request, failed: list[str] = failed) -> None:
            failed.append(f"{request.method} {request.url}: {request.failure}")

        page.on("requestfailed", note)
        try:
            page.goto(f"{access.superset}/superset/dashboard/{slug}/")
            settled(page)
        except PlaywrightError as error:
            if not _networks_changed(failed):
                message = f"{page.url}: {page.evaluate(UNSETTLED)}, failed requests: {failed}"
                raise AssertionError(message) from error
        finally:
            page.remove_listener("requestfailed", note)
        if not _networks_changed(failed):
            return page
    message = f"networks of this machine changed each of {OPENINGS} times that {slug} was opened"
    raise AssertionError(message)


def _networks_changed(failed: list[str]) -> bool:
    return any("ERR_NETWORK_CHANGED" in request for request in failed)


def settled(page: Page, *, seconds: float = 120) -> None:
    """Wait until every chart has drawn."""
    page.wait_for_function(SETTLED, timeout=seconds * 1000)


def drawn(page: Page) -> dict[str, Drawn]:
    """Every chart of the dashboard, by its title and kind.

    A chart that is being refreshed has no answer for a moment.
    """

    def charts() -> dict[str, Drawn]:
        return {title: Drawn(**found) for title, found in page.evaluate(DRAWN).items()}

    def answered(charts: dict[str, Drawn]) -> bool:
        return all(chart.failed or chart.rows is not None for chart in charts.values())

    return until(charts, answered, what="an answer to every chart", seconds=30)


def filters_that_fail(page: Page) -> list[str]:
    """Name and error of the filters that have no options after half a minute."""
    try:
        page.wait_for_function(f"() => ({FILTERS_WITHOUT_OPTIONS})().length === 0", timeout=30_000)
    except PlaywrightError:
        return list(page.evaluate(FILTERS_WITHOUT_OPTIONS))
    return []


def titled(charts: dict[str, Drawn], title: str) -> Drawn:
    """The chart of that title; where two have it, the kind stands behind: "OS Breakdown pie"."""
    found = [chart for name, chart in charts.items() if title in (name, name.rpartition(" ")[0])]
    assert len(found) == 1, f"{title!r} is {len(found)} of {', '.join(sorted(charts))}"
    return found[0]


def figure(chart: Drawn, like: Any) -> Any:
    """What the chart was given to show, in the form of `like`; see figures.py."""
    if not isinstance(like, dict):
        return next(iter(chart.rows[0].values())) if chart.rows else None
    if any(isinstance(value, dict) for value in like.values()):
        return {_instant(row.pop("__time"), like): row for row in map(dict, chart.rows)}
    if chart.kind == "world_map":
        return {row["code"]: row["m1"] for row in chart.rows}
    names = next((len(key) for key in like if isinstance(key, tuple)), 1)
    several = any(isinstance(value, tuple) for value in like.values())
    shown = {}
    for row in chart.rows:
        values = list(row.values())
        key, measures = values[:names], values[names:]
        shown[key[0] if names == 1 else tuple(key)] = tuple(measures) if several else measures[0]
    return shown


def _instant(milliseconds: float, like: Mapping[str, Any]) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()[: len(next(iter(like)))]


def same(shown: Any, computed: Any) -> bool:
    """Equal, as far as numbers of a computer are; nothing, nought and no number are one."""
    if isinstance(computed, dict):
        if not isinstance(shown, dict):
            return False
        left, right = (
            {key: value for key, value in side.items() if _is_something(value)} for side in (shown, computed)
        )
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in right)
    if isinstance(computed, tuple):
        return len(shown) == len(computed) and all(map(same, shown, computed))
    return math.isclose(shown or 0, computed or 0, rel_tol=1e-6, abs_tol=1e-9)


def _is_something(value: Any) -> bool:
    """A minute in which every number is nought is nothing as well: charts over time fill up their axis."""
    return any(map(_is_something, value.values())) if isinstance(value, dict) else bool(value)
