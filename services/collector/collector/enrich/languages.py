"""The language that a visitor asks for, from the Accept-Language header."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

from babel import Locale

_TAG: Final = re.compile(
    r"([a-z]{2,3})(?:-[a-z]{3})?(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?(?:-[a-z0-9]{1,8})*", re.IGNORECASE
)
_WEIGHT: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)", re.IGNORECASE)
_MOST: Final = 16
"""How many languages of a header are read."""

_LONGEST: Final = 1024
"""How many bytes of a header are read. The header is a key of a cache, which must not fill the memory."""


class Language:
    """A language; None for what is not known.

    `tag` is a BCP 47 tag of language, script and region, as far as they are given: zh-Hant-TW. `name` is the English
    name of the language alone: Chinese. `fragments` is what mappings encoded of it.
    """

    __slots__ = ("fragments", "name", "tag")

    def __init__(self, tag: str | None, name: str | None) -> None:
        """From the parts that are known."""
        self.tag = tag
        self.name = name
        self.fragments: dict[int, bytes] = {}


FIELDS: Final[dict[str, type]] = {"tag": str, "name": str}
"""The fields that a mapping may name, with their types."""

UNKNOWN: Final = Language(None, None)


def language_of(header: bytes) -> Language:
    """The language with the greatest weight; the first of several with the same one. UNKNOWN if there is none."""
    return _language_of(header[:_LONGEST])


@lru_cache(4096)
def _language_of(header: bytes) -> Language:
    best, language = 0.0, UNKNOWN
    for item in header.decode("latin-1").split(",", _MOST)[:_MOST]:
        given, *options = (part.strip() for part in item.split(";"))
        tag = _TAG.fullmatch(given)
        weights = [float(found[1]) for found in map(_WEIGHT.fullmatch, options) if found]
        weight = weights[0] if weights else 1.0
        if tag is not None and weight > best:
            code, script, region = tag[1].lower(), tag[2], tag[3]
            parts = (code, script and script.title(), region and region.upper())
            best, language = weight, Language("-".join(filter(None, parts)), language_names().get(code))
    return language


@cache
def language_names() -> dict[str, str]:
    """ISO 639 code to English name."""
    return {str(code): str(name) for code, name in Locale("en").languages.items()}
