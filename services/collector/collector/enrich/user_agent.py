"""What the User-Agent header and the client hints contain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import ua_parser

from collector.enrich.bots import HEADER_NAMES, header_classes, is_declared
from collector.model.agent import Agent
from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOBILE: Final = re.compile(r"Mobi|iPhone|iPod|Windows Phone|Opera Mini", re.IGNORECASE)
_TABLET: Final = re.compile(r"iPad|Tablet|PlayBook|Silk|Android", re.IGNORECASE)
_DESKTOP: Final = frozenset({
    "Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD", "Arch Linux",
})  # fmt: skip
_PLATFORM_HINT: Final = {"macOS": "Mac OS X", "Chromium OS": "Chrome OS"}
MAX_LENGTH: Final = 2048
"""Longer headers are cut before parsing; no browser writes one."""


def parse_agent(text: str, hints: Mapping[str, str], *, declared_bot: bool) -> dict[str, str | int]:
    """The values of FIELDS from a header. `hints`: the sec-ch-ua headers, which win where they are given."""
    text = text[:MAX_LENGTH]
    result = ua_parser.parse(text)
    values: dict[str, str | int] = {"text": text}
    if result.user_agent is not None:
        _add_browser(values, result.user_agent)
    if result.os is not None:
        values["os_name"] = result.os.family
        parts = [part for part in (result.os.major, result.os.minor, result.os.patch) if part]
        if parts:
            values["os_version"] = ".".join(parts)
    platform = hints.get("sec-ch-ua-platform", "").strip('" ')
    if platform and platform != "Unknown":
        values["os_name"] = _PLATFORM_HINT.get(platform, platform[:64])
    device = result.device
    if device is not None:
        values["device_family"] = device.family
        if device.brand:
            values["device_brand"] = device.brand
        if device.model:
            values["device_model"] = device.model
    family = device.family if device is not None else None
    if declared_bot or family == "Spider":
        values["device_class"] = "bot"
    else:
        values["device_class"] = _device_class(text, str(values.get("os_name", "")), hints.get("sec-ch-ua-mobile"))
    return values


def _add_browser(values: dict[str, str | int], browser: ua_parser.UserAgent) -> None:
    values["browser_name"] = browser.family
    parts = [part for part in (browser.major, browser.minor, browser.patch, browser.patch_minor) if part]
    if parts:
        values["browser_version"] = ".".join(parts)
    if browser.major and browser.major.isascii() and browser.major.isdigit() and len(browser.major) < 9:
        values["browser_major_version"] = int(browser.major)


def _device_class(text: str, os_name: str, mobile_hint: str | None) -> str:
    if mobile_hint == "?1" or _MOBILE.search(text):
        # Android tablets leave out "Mobile", but an iPad in mobile mode does not.
        return "tablet" if "iPad" in text else "mobile"
    if _TABLET.search(text):
        return "tablet"
    return "desktop" if os_name in _DESKTOP else "other"


class Agents:
    """Parses each combination of headers once."""

    def __init__(self) -> None:
        """With an empty cache."""
        self._cache: BoundedCache[tuple[object, ...], Agent] = BoundedCache(8192)

    def of(self, headers: Mapping[bytes, bytes], *, secure: bool) -> Agent:
        """The agent of a request's headers. `secure`: the visitor came over HTTPS."""
        get = headers.get
        key = (
            get(b"user-agent"), get(b"sec-ch-ua"), get(b"sec-ch-ua-mobile"), get(b"sec-ch-ua-platform"),
            b"accept-language" in headers, b"sec-fetch-mode" in headers, secure,
        )  # fmt: skip
        agent = self._cache.get(key)
        if agent is None:
            relevant = {
                name.decode(): headers[name].decode("utf-8", "replace") for name in HEADER_NAMES if name in headers
            }
            text = relevant.get("user-agent", "")
            values = parse_agent(text, relevant, declared_bot=is_declared(text)) if text else {}
            agent = Agent(values, header_classes(relevant, secure=secure))
            # Long headers are not cached: thousands of them would fill the memory.
            if sum(len(part) for part in key if isinstance(part, bytes)) <= MAX_LENGTH:
                self._cache.put(key, agent)
        return agent
