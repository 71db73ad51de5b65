"""What the User-Agent header and the client hints contain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import ua_parser

from collector.enrich.agent_lists import agent_lists
from collector.enrich.bots import HEADER_NAMES, header_classes
from collector.enrich.client_hints import named_browser
from collector.model.agent import Agent
from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.enrich.agent_lists import Bot

_MOBILE: Final = re.compile(r"Mobi|iPhone|iPod|Windows Phone|Opera Mini", re.IGNORECASE)
_APPLE: Final = re.compile(r"\((?:iPhone|iPad|iPod)")
_TABLET: Final = re.compile(r"iPad|Tablet|PlayBook|Silk|Android", re.IGNORECASE)
_HEADSET: Final = re.compile(r" VR Safari|Mobile VR|; Quest[ )]|OculusBrowser|PicoBrowser|Wolvic/")
_WEARABLE: Final = re.compile(r"watchOS|Wear OS|\bWatch\d,\d|watch\b|Glass \d", re.IGNORECASE)
_TELEVISION: Final = re.compile(
    r"Andr0id|(?:Android(?: UHD)?|Google|Apple|[ ;]Mi) ?TV|\(lite\) TV|BRAVIA|Firebolt|Smart-?TV|HbbTV|tvOS|Web0S|"
    r"NetCast|CrKey|Chromecast|Opera TV Store| OMI/|VIDAA|^(?!.*Mobile).*(?:[ (;]TV[ ;)]|[ -]TV$)",
    re.IGNORECASE,
)
"""What platforms of televisions put into their user agents, mostly as in Device Detector's own rules."""
_DESKTOP: Final = frozenset({
    "Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD", "Arch Linux",
})  # fmt: skip
_PLATFORM_HINT: Final = {"macOS": "Mac OS X", "Chromium OS": "Chrome OS"}
_WEB_VIEW: Final = re.compile(
    r"; wv\)|Version/4\.0 Chrome/|^(?!.*Version/)Mozilla/5\.0 \((?:iPhone|iPad|iPod).*AppleWebKit"
)
"""A page inside an app: Android says so; on iOS only Safari itself names its version."""
MAX_LENGTH: Final = 512
"""Longer headers are cut before parsing; no browser writes one. Every event of a batch stores the text."""


def parse_agent(text: str, hints: Mapping[str, str], bot: Bot | None) -> dict[str, str | int]:
    """The values of FIELDS from a header. `hints`: the sec-ch-ua headers, which win where they are given."""
    result = ua_parser.parse(text)
    values: dict[str, str | int] = {"text": text}
    if result.user_agent is not None:
        _add_browser(values, result.user_agent)
    _add_own_name(values, text, hints)
    _add_system(values, result.os, hints.get("sec-ch-ua-platform", "").strip('" '))
    device = result.device
    if device is not None:
        values["device_family"] = device.family
        if device.brand:
            values["device_brand"] = device.brand
        if device.model:
            values["device_model"] = device.model
    if bot is not None:
        values["bot_name"] = bot.name
        values["bot_group"] = bot.group
        if bot.operator:
            values["bot_operator"] = bot.operator
    if bot is not None or (device is not None and device.family == "Spider"):
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


def _add_system(values: dict[str, str | int], system: ua_parser.OS | None, platform_hint: str) -> None:
    if system is not None:
        values["os_name"] = system.family
        parts = [part for part in (system.major, system.minor, system.patch) if part]
        if parts:
            values["os_version"] = ".".join(parts)
    if platform_hint and platform_hint != "Unknown":
        values["os_name"] = _PLATFORM_HINT.get(platform_hint, platform_hint[:64])


def _add_own_name(values: dict[str, str | int], text: str, hints: Mapping[str, str]) -> None:
    """Name browsers that the User-Agent alone shows as another: pages inside apps, and browsers made of Chromium."""
    app = agent_lists().app(text) if _WEB_VIEW.search(text) else None
    if app is not None:
        values["browser_name"] = f"{app} (in-app)"
        return
    named = named_browser(hints.get("sec-ch-ua", ""))
    if named is not None and str(values.get("browser_name", "Chrome")) in _CHROME:
        values["browser_name"] = named.name
        if named.version:
            values["browser_version"] = named.version
            values["browser_major_version"] = int(named.version)


_CHROME: Final = frozenset({"Chrome", "Chrome Mobile", "Chromium"})
"""What a browser made of Chromium is called whose User-Agent does not tell it from Chrome."""


def _device_class(text: str, os_name: str, mobile_hint: str | None) -> str:
    special = _special_device(text)
    if special:
        return special
    if mobile_hint == "?1" or _MOBILE.search(text):
        # Android tablets leave out "Mobile", but an iPad in mobile mode does not.
        return "tablet" if "iPad" in text else "mobile"
    # In desktop mode only the hint of the platform shows that it is Android.
    if _TABLET.search(text) or os_name == "Android":
        return "tablet"
    return "desktop" if os_name in _DESKTOP else "other"


def _special_device(text: str) -> str:
    """The class of a device that is neither a computer nor a phone nor a tablet; empty for those."""
    if _HEADSET.search(text):
        return "headset"
    if _WEARABLE.search(text):
        return "wearable"
    # What Facebook's apps add names the visitor's operator, and some operators have set-top boxes.
    listed = "" if _APPLE.search(text) else agent_lists().device_class(text.partition("[FB")[0])
    return listed or ("tv" if _TELEVISION.search(text) else "")


class Agents:
    """Parses each combination of headers once."""

    def __init__(self) -> None:
        """With an empty cache. Makes the lists ready, so that no event waits for them."""
        agent_lists()
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
            text = relevant.get("user-agent", "")[:MAX_LENGTH]
            bot = agent_lists().bot(text) if text else None
            values = parse_agent(text, relevant, bot) if text else {}
            agent = Agent(values, header_classes(relevant, bot, secure=secure))
            # Long headers are not cached: thousands of them would fill the memory.
            if sum(len(part) for part in key if isinstance(part, bytes)) <= MAX_LENGTH:
                self._cache.put(key, agent)
        return agent
