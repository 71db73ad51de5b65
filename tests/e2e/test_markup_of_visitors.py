"""Text that a visitor chose is text on every dashboard, in tables. Never a link or a picture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.journey import Access, save
from tests.e2e.markup import EVIL, LINK, PICTURE, RENDERED, Window, administrator, attack
from tests.e2e.rendered import go

SHOWN = {
    "clickstream": {"Recent events": LINK},
    "live": {"Newest events": LINK, "Pages being read": PICTURE, "Traffic sources": f"<h1>{EVIL}"},
    "content": {"Signals": LINK, "Pages": PICTURE, "Exit pages": PICTURE},
    "acquisition": {"Campaigns": LINK, "Campaign terms and content": PICTURE, "Referring sites": f"<h1>{EVIL}"},
    "quality": {"Bots by user agent": LINK},
}
"""Dashboard and chart, and a text of which one cell at least has to hold every character."""

CELLS = """
title => [...document.querySelectorAll(`[data-test-chart-name="${title}"] :is([role=cell], td)`)]
  .map(cell => cell.innerText)
"""


@pytest.fixture(scope="module")
def window(access: Access, browser: Browser) -> Iterator[Window]:
    attack(access)
    with administrator(browser, access) as opened:
        yield opened


@pytest.mark.parametrize("slug", SHOWN)
def test_tables_show_markup_as_text(slug: str, window: Window, access: Access, pictures: Path) -> None:
    go(window.page, access, slug)
    save(window.page, pictures / f"markup-{slug}.png")
    assert window.page.evaluate(RENDERED) == []
    for title, text in SHOWN[slug].items():
        cells: list[str] = window.page.evaluate(CELLS, title)
        assert any(text in cell for cell in cells), f"{title} has no cell with {text!r}: {cells[:40]}"
    assert not window.asked_of_evil()


def test_the_rows_behind_a_chart_show_markup_as_text(window: Window, access: Access) -> None:
    go(window.page, access, "content")
    chart = window.page.locator('[data-test-chart-name="Signals"]')
    chart.locator('[aria-label="More Options"]').click()
    window.page.get_by_text("View as table", exact=True).click()
    window.page.get_by_role("dialog").get_by_text("Session expired").first.wait_for(timeout=30_000)
    assert LINK in window.page.get_by_role("dialog").inner_text()
    assert window.page.evaluate(RENDERED) == []
    assert not window.asked_of_evil()
