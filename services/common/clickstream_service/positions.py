"""Where to continue in a partition whose position is not in the log. Never goes back over converted records.

librdkafka's policies (`auto.offset.reset`) treat all causes alike. After a crash truncated the log, `earliest`
converts the whole retained log again. After Kafka deleted old records, `latest` skips the remaining ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_TRUNCATION: Final = re.compile(
    r"log truncation detected at offset (?P<position>\d+) .*broker end offset is (?P<end>\d+)"
)
"""Extracts from librdkafka's error text, which is their only source: the requested position, and the end of the
records from before the truncation."""


class Cause(StrEnum):
    """Why a position can't be read."""

    DELETED = "deleted"
    """Kafka's retention deleted the next records, by age or by size, before they were read."""
    TRUNCATED = "truncated"
    """The log ends before the position: a broker crash lost records that had already been read."""


@dataclass(frozen=True)
class Restart:
    """Offset to continue from, and its distance from the old position in records."""

    cause: Cause
    offset: int
    records: int


def restart(position: int, low: int, high: int, error: str) -> Restart | None:
    """Return where to continue in a log from ``low`` to ``high``, according to the consumer's error text.

    A negative position means the oldest record, which Kafka deleted between two requests along with an unknown number
    of others. Returns None for a late error about a position that the partition has left since.
    """
    found = _TRUNCATION.search(error)
    if found and int(found["position"]) != position:
        return None
    if position < low:
        return Restart(Cause.DELETED, low, low - position if position >= 0 else 0)
    # Records may have been appended after the truncation but before its detection. They must not be skipped.
    end = max(low, int(found["end"])) if found else high
    # If that end is unknown, the log may have grown beyond the position again. Going back would convert records twice.
    offset = min(end, position)
    return Restart(Cause.TRUNCATED, offset, position - offset)
