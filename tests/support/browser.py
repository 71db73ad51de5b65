"""A real headless Chromium."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.waiting import until

QUIET = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def executable() -> str | None:
    """The system's Chromium; None for the one that Playwright installed."""
    return next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)


def user_agent_of_a_person(browser: Browser) -> str:
    """What this Chromium calls itself with a window; "HeadlessChrome" would make its visits those of a bot."""
    return (
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{browser.version} Safari/537.36"
    )


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Start it, with more arguments if there are any, and stop it afterwards."""
    # Chromium's sandbox refuses to run as root.
    arguments = [*QUIET, *more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def wait_for(page: Page, expression: str, *, seconds: float = 30) -> None:
    """Wait until a JavaScript expression is true in the page.

    Playwright's own `wait_for_function` polls with eval, which a Content Security Policy forbids.
    """
    until(lambda: page.evaluate(expression), bool, seconds=seconds)
