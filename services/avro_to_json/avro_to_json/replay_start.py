"""Where a replay starts: where the last one ended, or where the caller says. Never at the beginning by default.

A position may be missing because nothing was replayed yet, or because Kafka deleted it (`offsets.retention.minutes`
after the last replay). The two cases look the same, and in the second a start at the beginning would repeat all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from avro_to_json.errors import ReplayStartError

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Start:
    """The caller's choice. With neither field set, the stored position decides."""

    from_beginning: bool = False
    since_ms: int | None = None
    """Start at the first dead letter with this timestamp or a later one, in ms since the epoch."""


@dataclass(frozen=True)
class Log:
    """The dead-letter topic: its retained records and the stored positions."""

    topic: str
    ranges: dict[int, tuple[int, int]]
    """First offset and end of each partition."""
    positions: dict[int, int]
    at: Callable[[int], dict[int, int]]
    """Each partition's first offset at or after a time; negative if there is none."""


def starts(start: Start, letters: Log, *, dry_run: bool) -> dict[int, int]:
    """Return the offset at which each partition starts. Raises ReplayStartError if it is unknown."""
    lows = {number: low for number, (low, _) in letters.ranges.items()}
    if start.from_beginning:
        return lows
    if start.since_ms is not None:
        found = letters.at(start.since_ms)
        return {number: found[number] if found[number] >= 0 else end for number, (_, end) in letters.ranges.items()}
    count = sum(end - low for low, end in letters.ranges.values())
    if not letters.positions and count and not dry_run:
        message = (
            f"no position of an earlier replay in {letters.topic}: there was none, or Kafka has deleted its position. "
            f"Up to {count} dead letters are kept. --dry-run counts them, --from-beginning replays all of them, "
            "--since TIME starts at the first record from that time or later"
        )
        raise ReplayStartError(message)
    # If only some partitions have no position, these were added later and are completely new.
    return {number: _within(letters, number, letters.positions.get(number, low)) for number, low in lows.items()}


def _within(letters: Log, number: int, position: int) -> int:
    low, end = letters.ranges[number]
    if position < low:
        log.warning("dead letters were deleted before they were replayed", partition=number, offsets=low - position)
    if position > end:
        log.warning("the log is now shorter than the position: continuing at its end", partition=number, end=end)
    return min(max(low, position), end)
