"""Where to go on in a partition when its position is not in the log: never back over records that were converted.

librdkafka's own policies (`auto.offset.reset`) treat all causes alike: `earliest` converts the whole retained log again
after a crash shortened it, `latest` skips what is still there after Kafka deleted some of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_TRUNCATION: Final = re.compile(
    r"log truncation detected at offset (?P<position>\d+) .*broker end offset is (?P<end>\d+)"
)
"""In librdkafka's error text, the only place that has them: the position it asked about, and the end of the records
that were there before the truncation."""


class Cause(StrEnum):
    """Why a position cannot be read."""

    DELETED = "deleted"
    """Kafka deleted the next records, by age or by size, before they were read."""
    TRUNCATED = "truncated"
    """The log ends before the position: a crash of the broker took records that were read already."""


@dataclass(frozen=True)
class Restart:
    """Offset to go on from, and the number of records between it and the old position, in either direction."""

    cause: Cause
    offset: int
    records: int


def restart(position: int, low: int, high: int, error: str) -> Restart | None:
    """Decide for a partition whose log goes from ``low`` to ``high``, given the consumer's error text.

    A negative position is the oldest record: Kafka deleted it between two requests, and nobody knows how many more.
    Returns None if the error is about a position that the partition has left since: the client delivers errors late.
    """
    found = _TRUNCATION.search(error)
    if found and int(found["position"]) != position:
        return None
    if position < low:
        return Restart(Cause.DELETED, low, low - position if position >= 0 else 0)
    # After a truncation, records were perhaps appended before this was noticed. They are new and must not be skipped.
    end = max(low, int(found["end"])) if found else high
    # Without that end, the log may have grown beyond the position again. Going back would convert records twice.
    offset = min(end, position)
    return Restart(Cause.TRUNCATED, offset, position - offset)
