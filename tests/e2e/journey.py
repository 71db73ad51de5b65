"""The way of one visit: from the page to the database to the dashboard."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.support.browser import wait_for
from tests.support.waiting import until
from toolchain.chromium import user_agent_of_a_person

T = TypeVar("T")


@dataclass(frozen=True)
class Access:
    """URLs and logins, as the stack's outputs give them."""

    website: str
    superset: str
    druid: str
    kafka_manager: str
    user: str
    password: str
    superset_password: str
    viewer: str
    viewer_password: str

    @classmethod
    def of(cls, outputs: dict[str, Any]) -> "Access":
        """From the outputs of a stack."""
        return cls(
            outputs["website"],
            outputs["superset"],
            outputs["druid"],
            outputs["kafkaManager"],
            outputs["adminUser"],
            outputs["adminPassword"],
            outputs["supersetPassword"],
            outputs["viewerUser"],
            outputs["viewerPassword"],
        )


def timed_until(what: str, attempt: Callable[[], T | None], *, seconds: float) -> tuple[T, float]:
    """The first answer that is not None, and after how many seconds it came."""
    started = time.monotonic()
    answer = until(attempt, lambda found: found is not None, what=what, seconds=seconds)
    assert answer is not None
    return answer, time.monotonic() - started


@contextmanager
def visit(browser: Browser, access: Access, path: str = "/") -> Iterator[str]:
    """Open a page as a visitor does; the id of the event that the page says it sent. It stays open meanwhile."""
    context = browser.new_context(user_agent=user_agent_of_a_person(browser.version))
    page = context.new_page()
    page.goto(f"{access.website}{path}")
    wait_for(page, "document.querySelector('#event-id')?.textContent?.trim().length > 10")
    yield (page.text_content("#event-id") or "").strip()
    context.close()


def sql(access: Access, query: str) -> list[dict[str, Any]]:
    """Rows from Druid, through the edge."""
    response = httpx.post(
        f"{access.druid}/druid/v2/sql",
        auth=(access.user, access.password),
        json={"query": query, "context": {"useApproximateCountDistinct": False}},
        timeout=20,
    )
    response.raise_for_status()
    rows: list[dict[str, Any]] = response.json()
    return rows


def row_of(access: Access, event_id: str) -> dict[str, Any] | None:
    """The event's row; None while Druid has none, or does not know the table yet."""
    try:
        rows = sql(access, f"SELECT * FROM clickstream WHERE event_id = '{event_id}'")  # noqa: S608  # our own id
    except httpx.HTTPStatusError:
        return None
    return rows[0] if rows else None


def log_in(
    page: Page, access: Access, user: str = "", password: str = "", *, start: str = "/login/", attempts: int = 4
) -> None:
    """By the form, as the administrator unless somebody else is named, from the page that asks for the login.

    Superset's page starts a second session of its own while it loads, which can undo a fast login.
    """
    user, password = (user, password) if user else (access.user, access.superset_password)
    for _ in range(attempts):
        page.goto(f"{access.superset}{start}", wait_until="networkidle")
        page.locator("[data-test=username-input]").fill(user)
        page.locator("[data-test=password-input]").fill(password)
        page.locator("[data-test=login-button]").click()
        try:
            page.wait_for_url(lambda url: "/login" not in url, wait_until="commit", timeout=20_000)
        except PlaywrightTimeoutError:
            continue
        return
    message = f"Superset does not let {user} in after {attempts} attempts; the page is {page.url}"
    raise AssertionError(message)


def open_dashboard(browser: Browser, access: Access, slug: str = "clickstream") -> Page:
    """Log in to Superset as people do, and open the dashboard."""
    page = browser.new_context(viewport={"width": 1600, "height": 2200}).new_page()
    log_in(page, access)
    page.goto(f"{access.superset}/superset/dashboard/{slug}/")
    return page


def wait_for_text(page: Page, text: str, *, seconds: float) -> float:
    """After how many seconds the text stood on the page."""
    started = time.monotonic()
    page.get_by_text(text, exact=True).first.wait_for(timeout=seconds * 1000)
    return time.monotonic() - started


def save(page: Page, file: Path) -> None:
    """A picture of what the page shows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(file))


def dump(value: object) -> str:
    """For messages."""
    return json.dumps(value, indent=2, default=str)
