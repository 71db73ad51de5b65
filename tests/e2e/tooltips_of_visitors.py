"""Text that a visitor chose is text in tooltips. Not collected by its name: give pytest the path of this file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.journey import Access, save
from tests.e2e.markup import RENDERED, Window, administrator, attack
from tests.e2e.rendered import go

VIEWS = 120
"""More than any page has in the tests before."""

HOVERED = {
    "clickstream": ("Top pages",),
    "content": ("Page views by hour and page", "Entry pages", "Engaged time per view, by page"),
    "acquisition": ("Landing pages by channel",),
}
"""Charts of ECharts with such names: their tooltips are HTML."""

TOOLTIPS = """
() => [...document.querySelectorAll('div')]
  .filter(box => getComputedStyle(box).zIndex === '9999999' && getComputedStyle(box).visibility !== 'hidden')
  .map(box => box.innerText)
"""


@pytest.fixture(scope="module")
def window(access: Access, browser: Browser) -> Iterator[Window]:
    attack(access, views=VIEWS)
    with administrator(browser, access) as opened:
        yield opened


@pytest.mark.parametrize("slug", HOVERED)
def test_tooltips_show_markup_as_text(slug: str, window: Window, access: Access, pictures: Path) -> None:
    go(window.page, access, slug)
    for title in HOVERED[slug]:
        chart = window.page.locator(f'[data-test-chart-name="{title}"] canvas').first
        box = chart.bounding_box()
        assert box, title
        texts: list[str] = []
        # The newest hour is at the right edge.
        for across in (0.97, 0.95, *(tenth / 10 for tenth in range(1, 10))):
            for down in range(1, 10):
                window.page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down / 10)
                texts += window.page.evaluate(TOOLTIPS)
                assert window.page.evaluate(RENDERED) == [], title
            if any("<img" in text for text in texts):
                break
        save(window.page, pictures / f"markup-{slug}-tooltip.png")
        assert any("<img" in text for text in texts), f"{title}: no tooltip has the markup as text: {texts[-5:]}"
        assert not any("<span" in text for text in texts), f"the marker of a series is shown as text: {texts[-5:]}"
    assert not window.asked_of_evil()


def test_a_table_made_in_the_browser_shows_text(window: Window, access: Access) -> None:
    """The form of a new table has HTML switched off."""
    window.page.goto(
        f"{access.superset}/explore/?viz_type=table&datasource_id={_dataset(window.page, access)}&datasource_type=table"
    )
    window.page.get_by_text("Customize", exact=True).first.click()
    box = window.page.locator('[data-test="allow_render_html-header"] input[type=checkbox]')
    box.wait_for(timeout=30_000)
    assert not box.is_checked()


def _dataset(page: Page, access: Access) -> int:
    answer = page.request.get(f"{access.superset}/api/v1/dataset/", params={"q": "(page_size:100)"}).json()
    return next(int(row["id"]) for row in answer["result"] if row["table_name"] == "clickstream")
