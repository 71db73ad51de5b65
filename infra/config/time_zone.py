"""Names of time zones. The IANA database comes from the package `tzdata`: the machine's own may be older."""

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator

UNUSABLE = frozenset({"America/Coyhaique", "Factory"})
"""Druid's own database is too old for the first; the second is a placeholder, not a place."""


@cache
def time_zones() -> frozenset[str]:
    """Every allowed name, for example Europe/Berlin."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - UNUSABLE


def _time_zone(value: str) -> str:
    if value in time_zones():
        return value
    alike = _alike(value)
    hint = f"; did you mean {' or '.join(alike)}?" if alike else ""
    message = f"a name of the IANA time zone database, for example Europe/Berlin{hint}"
    raise ValueError(message)


def _alike(value: str) -> list[str]:
    """Up to four suggestions: names with exactly this city or spelling, or else names spelt like it."""
    wanted = _comparable(value)
    names = {name: _comparable(name) for name in sorted(time_zones())}
    exact = [name for name, text in names.items() if wanted in (text, text.rpartition("/")[2])]
    return exact[:4] or get_close_matches(value, names, n=4)


def _comparable(name: str) -> str:
    return name.strip().replace(" ", "_").casefold()


TimeZone = Annotated[str, AfterValidator(_time_zone)]
