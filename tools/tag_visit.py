"""Opens a page in a real browser and records what its tag does."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Error, sync_playwright

from toolchain import chromium

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Page, Request, Response

    from tools.tag import Tag

PAGE_SECONDS: Final = 30

_STATE: Final = """() => ({
  scripts: [...document.scripts].map(script => script.src).filter(Boolean),
  tracker: typeof window.divolte == "object",
  attributes: (tag => tag ? tag.getAttributeNames() : [])(document.querySelector("script[data-divolte]")),
  gpc: navigator.globalPrivacyControl === true,
  dnt: navigator.doNotTrack == "1",
})"""


@dataclass
class Send:
    """A request with events. `error` is the browser's reason if the response could not be read."""

    events: list[dict[str, Any]]
    status: int | None = None
    error: str = ""
    rejected: dict[str, str] = field(default_factory=dict)
    """From rejected events to the collector's reasons."""


@dataclass
class Visit:
    """The result of opening the page."""

    address: str
    status: int | None = None
    error: str = ""
    """Why the page could not be opened."""

    scripts: list[str] = field(default_factory=list)
    script: str = ""
    """The address of the tracker that the page requested. Empty if it requested none."""

    script_status: int | None = None
    script_error: str = ""
    tracker: bool = False
    """Whether the page has `window.divolte`."""

    attributes: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    cookies: set[str] = field(default_factory=set)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that the page sent, without repetitions."""
        found = {event["e"]: event for send in self.sends for event in send.events}
        return list(found.values())

    @property
    def accepted(self) -> list[str]:
        """The events that the collector accepted, by ID."""
        return [
            event["e"] for send in self.sends if send.status == 200 for event in send.events
            if event["e"] not in send.rejected
        ]  # fmt: skip

    def said(self, *words: str) -> str | None:
        """The first console message with all of these words."""
        return next((line for line in self.console if all(word in line for word in words)), None)


def visit(address: str, tag: Tag, names: Mapping[str, str], *, seconds: float, insecure: bool = False) -> Visit:
    """Open the page and wait until its events are answered, at most `seconds`.

    `names` is the stack's output `tracking`. `insecure` accepts self-signed certificates.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.arguments())
        try:
            context = browser.new_context(
                user_agent=chromium.user_agent_of_a_person(browser.version), ignore_https_errors=insecure
            )
            return observe(context.new_page(), address, tag, names, seconds=seconds)
        finally:
            browser.close()


def observe(page: Page, address: str, tag: Tag, names: Mapping[str, str], *, seconds: float) -> Visit:
    """`visit` with a browser that is already open."""
    found = Visit(address)
    _Recorder(found, tag, names, page).watch()
    _open(page, found, seconds)
    found.cookies = {str(cookie.get("name")) for cookie in page.context.cookies(page.url)}
    return found


class _Recorder:
    """Records a page's requests that concern the tag."""

    def __init__(self, found: Visit, tag: Tag, names: Mapping[str, str], page: Page) -> None:
        self._found, self._page = found, page
        self._script = {names["script"]: tag.script}
        self._endpoints = {path: tag.origin + path for path in (names["batchPath"], names["eventPath"]) if path}
        self._sends: dict[Request, Send] = {}

    def watch(self) -> None:
        """Begin."""
        page = self._page
        page.on("request", self._requested)
        page.on("response", self._answered)
        page.on("requestfinished", self._finished)
        page.on("requestfailed", self._failed)
        page.on("console", lambda message: self._found.console.append(message.text))
        page.on("pageerror", lambda error: self._found.page_errors.append(str(error)))

    def _requested(self, request: Request) -> None:
        if self._is_one_of(self._endpoints, request.url) and (events := _events(request)):
            self._sends[request] = Send(events)
            self._found.sends.append(self._sends[request])

    def _answered(self, response: Response) -> None:
        if self._is_one_of(self._script, response.url):
            self._found.script = _without_query(response.url)
            self._found.script_status = response.status
        if send := self._sends.get(response.request):
            send.status = response.status

    def _finished(self, request: Request) -> None:
        send, response = self._sends.get(request), request.response()
        if send and response and request.method == "POST":
            with suppress(Error, ValueError, KeyError, IndexError):
                items = response.json()["rejected"]
                send.rejected = {send.events[item["index"]]["e"]: item["reason"] for item in items}

    def _failed(self, request: Request) -> None:
        reason = request.failure or "no reason given"
        if self._is_one_of(self._script, request.url):
            self._found.script = _without_query(request.url)
            self._found.script_error = reason
        if send := self._sends.get(request):
            send.error = reason

    def _is_one_of(self, addresses: Mapping[str, str], url: str) -> bool:
        """Whether the address is the stack's, or has the same path on the page's server, which may be a proxy."""
        plain = _without_query(url)
        if plain in addresses.values():
            return True
        return _origin(plain) == _origin(self._page.url) and plain.endswith(tuple(addresses))


def _open(page: Page, found: Visit, seconds: float) -> None:
    try:
        response = page.goto(found.address, timeout=PAGE_SECONDS * 1000)
    except Error as error:
        found.error = error.message.splitlines()[0]
        return
    found.status = None if response is None else response.status
    for _ in range(int(seconds * 10)):
        if found.sends and all(send.status is not None or send.error for send in found.sends):
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(200)  # a response's body arrives after its status
    state = page.evaluate(_STATE)
    found.scripts, found.tracker, found.attributes = state["scripts"], state["tracker"], state["attributes"]
    signals = {"Global Privacy Control": state["gpc"], "Do Not Track": state["dnt"]}
    found.signals = [name for name, given in signals.items() if given]


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _without_query(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]


def _events(request: Request) -> list[dict[str, Any]]:
    if request.method == "GET":
        return [dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))]
    with suppress(ValueError, KeyError, TypeError):
        events: list[dict[str, Any]] = json.loads(request.post_data or "")["events"]
        return events
    return []
