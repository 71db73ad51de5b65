"""The name of a time zone, checked against the IANA database of package `tzdata`: the machine's own may be older."""

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator

UNUSABLE = frozenset({"America/Coyhaique", "Factory"})
"""The first is newer than Druid's own database; the second stands for no time at all."""


@cache
def time_zones() -> frozenset[str]:
    """Every name that is allowed, for example Europe/Berlin."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - UNUSABLE


def _time_zone(value: str) -> str:
    if value in time_zones():
        return value
    alike = _alike(value)
    hint = f"; did you mean {' or '.join(alike)}?" if alike else ""
    message = f"a name of the IANA time zone database, for example Europe/Berlin{hint}"
    raise ValueError(message)


def _alike(value: str) -> list[str]:
    """At most four names: those of the city, if only that was given, or those that are spelt much like it."""
    wanted = _comparable(value)
    names = {name: _comparable(name) for name in sorted(time_zones())}
    exact = [name for name, text in names.items() if wanted in (text, text.rpartition("/")[2])]
    return exact[:4] or get_close_matches(value, names, n=4)


def _comparable(name: str) -> str:
    return name.strip().replace(" ", "_").casefold()


TimeZone = Annotated[str, AfterValidator(_time_zone)]
