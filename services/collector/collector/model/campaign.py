"""What an address says of the campaign that its link belongs to.

Tools, mail programs and people write the tags in many ways. All of these are read: any case, spaces around a value, the
fragment in place of the query, a second question mark, `&amp;`, values and whole queries that are encoded twice, and
Matomo's names. The query counts before the fragment, and of a repeated tag the first that has a value.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote, unquote_plus

from collector.model.lists import rows


class ClickId(NamedTuple):
    """A parameter that a platform adds to links: its name, and the source and medium that it stands for."""

    name: str
    source: str
    medium: str

    @property
    def is_paid(self) -> bool:
        """Whether it proves payment: the platform adds it to nothing but advertisements."""
        return self.medium.startswith("cp")


def _click_ids() -> dict[str, ClickId]:
    """Lower-case name to the click ID, in the order in which they count."""
    return {name.lower(): ClickId(name, source, medium) for name, source, medium in rows("click_ids.csv")}


CLICK_IDS: Final = _click_ids()
TAGS: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
CAMPAIGN_PARAMETERS: Final = (*TAGS, "utm_id", "utm_source_platform", "utm_creative_format", "utm_marketing_tactic")
"""Parameters that say which campaign a link belongs to, and nothing of who follows it."""
_NAMES: Final = {
    **{name: name for name in (*TAGS, *CLICK_IDS)},
    **{f"{prefix}_{tag.removeprefix('utm_')}": tag for prefix in ("mtm", "pk") for tag in TAGS},
    **{f"{prefix}_{name}": "utm_term" for prefix in ("mtm", "pk") for name in ("keyword", "kwd")},
}
"""What a parameter may be called, and the tag that it is."""
SEPARATORS: Final = re.compile(rf"&|\?(?=(?:{'|'.join(map(re.escape, _NAMES))})=)", re.IGNORECASE)
"""A question mark within a value is text, unless a tag follows."""
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_ENCODINGS: Final = 3
"""How many times a query may be encoded: tools encode it twice, and text may be made to take hundreds of rounds."""
MOST_PARAMETERS: Final = 1000
"""Parameters read of an address: faceted searches have hundreds, and an address may fill a whole request."""


class Campaign:
    """The tags of an address, and its click ID."""

    __slots__ = ("channels", "click", "click_value", "tags")

    def __init__(self, tags: dict[str, str], click: ClickId | None, click_value: str) -> None:
        """`tags`: of TAGS, with a value each."""
        self.tags = tags
        self.click = click
        self.click_value = click_value
        self.channels: dict[str, str] = {}
        """Kind of the referring site to the channel: what is worked out is kept, since many events share a page."""


def campaign_of(query: str, fragment: str) -> Campaign | None:
    """The campaign that an address names in its query or its fragment; None if it names none."""
    found: dict[str, str] = {}
    _read(query, found)
    if "=" in fragment:
        # What follows :~: is for the browser alone: the text to scroll to.
        _read(fragment.partition(":~:")[0].lstrip("!/"), found)
    if not found:
        return None
    click = next((known for name, known in CLICK_IDS.items() if name in found), None)
    tags = {name: found[name] for name in TAGS if name in found}
    return Campaign(tags, click, "" if click is None else found[click.name.lower()])


def _read(text: str, found: dict[str, str], encodings: int = _ENCODINGS) -> None:
    """Add the tags of a query that are not there yet."""
    if "=" not in text and "%3" not in text:
        return
    for part in SEPARATORS.split(text, MOST_PARAMETERS)[:MOST_PARAMETERS]:
        raw, _, given = part.partition("=")
        name = parameter_name(raw)
        if "=" in name:  # `utm_source%3Dx%26utm_medium%3Dy`: the whole query was encoded
            if encodings and _ENCODED.search(raw):
                _read(unquote(part), found, encodings - 1)
            continue
        tag = _NAMES.get(name)
        if tag is None or tag in found:
            continue
        if value := parameter_value(given):
            found[tag] = value


def parameter_name(raw: str) -> str:
    """The name of a parameter as it stands in a query, in lower case."""
    return unquote_plus(raw).strip().lower().removeprefix("amp;")


def parameter_value(given: str) -> str:
    """The value of a parameter, which may be encoded twice."""
    value = unquote_plus(given).strip()
    return unquote_plus(value).strip() if _ENCODED.search(value) else value


def tag_of(name: str) -> str | None:
    """The tag or click ID that a parameter of that name is."""
    return _NAMES.get(name)
