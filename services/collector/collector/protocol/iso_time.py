"""Times with an offset, as Java's ISO_OFFSET_DATE_TIME reads them, and the other ISO-8601 forms that Python knows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from collector.model.base36 import LONG_MAX

_JAVA: Final = re.compile(
    r"(?P<year>[+-]?[0-9]{4,9})(?P<day>-[0-9]{2}-[0-9]{2})T(?P<minute>[0-9]{2}:[0-9]{2})"
    r"(?P<second>:[0-9]{2})?(?:\.(?P<fraction>[0-9]{0,9}))?"
    r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
)
_CYCLE_YEARS: Final = 400
_CYCLE_MS: Final = 146_097 * 86_400_000
"""The calendar repeats itself after 400 years."""


def parse_milliseconds(text: str) -> int | None:
    """Milliseconds since the epoch, truncated as in Java; None for anything but a time with an offset."""
    text = text.upper()  # Java takes t and z too
    match = _JAVA.fullmatch(text)
    cycles = 0
    fraction = ""
    if match is not None:
        # Python knows the years 1 to 9999 only, and the beacon takes any time of 64 bits.
        cycles, year = divmod(int(match["year"]) - 2000, _CYCLE_YEARS)
        fraction = match["fraction"] or ""
        text = f"{year + 2000}{match['day']}T{match['minute']}{match['second'] or ':00'}{match['offset']}"
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.tzinfo is None:
        return None
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    milliseconds += cycles * _CYCLE_MS + int(fraction[:3].ljust(3, "0"))
    return milliseconds if -LONG_MAX <= milliseconds <= LONG_MAX else None
