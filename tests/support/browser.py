"""A real headless Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.waiting import until
from toolchain import chromium as chromium_program


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Start it, with more arguments if there are any, and stop it afterwards."""
    arguments = chromium_program.arguments("--no-first-run", *more)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_program.executable(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def wait_for(page: Page, expression: str, *, seconds: float = 30) -> None:
    """Wait until a JavaScript expression is true in the page.

    Playwright's own `wait_for_function` polls with eval, which a Content Security Policy forbids.
    """
    until(lambda: page.evaluate(expression), bool, seconds=seconds)
