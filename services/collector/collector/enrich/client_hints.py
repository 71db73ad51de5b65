"""The browser that the client hint Sec-CH-UA names."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

_BRAND: Final = re.compile(r'"([^"\\]{1,64})";\s*v="(\d{0,8})[^"]*"')
"""One of the list: `"Brave";v="141"`."""
_NO_BROWSER: Final = re.compile(r"[^A-Za-z]*Not[^A-Za-z].*", re.IGNORECASE)
"""What browsers put in so that sites do not rely on the list: `Not?A_Brand`, `Not)A;Brand`."""
_ENGINES: Final = frozenset({"Chromium", "Google Chrome", "Android WebView", "HeadlessChrome"})
_NAMES: Final = {"Microsoft Edge": "Edge", "YaBrowser": "Yandex Browser", "Brave Browser": "Brave"}
"""Brands that the User-Agent's parser calls otherwise."""
MAX_BRANDS: Final = 8


class NamedBrowser(NamedTuple):
    """Name and major version."""

    name: str
    version: str


def named_browser(hint: str) -> NamedBrowser | None:
    """The browser of the header, if it is one that is made of Chromium and is not Chrome."""
    for brand in islice(_BRAND.finditer(hint[:1024]), MAX_BRANDS):
        name = str(brand[1])
        if name not in _ENGINES and not _NO_BROWSER.fullmatch(name):
            return NamedBrowser(_NAMES.get(name, name), str(brand[2]))
    return None
