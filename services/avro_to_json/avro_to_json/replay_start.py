"""Where a replay starts: at the position of the last one, or where its caller says. Never by itself at the beginning.

A position may be missing because nothing was replayed yet, or because Kafka deleted it (`offsets.retention.minutes`
after the last replay). The two cases look the same, and in the second the beginning would replay every letter again.
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
    """The caller's choice; without either, the position decides."""

    from_beginning: bool = False
    since_ms: int | None = None
    """Letters of records with this timestamp or a later one, ms since the epoch."""


@dataclass(frozen=True)
class Log:
    """The dead-letter topic: what is kept of it, and the positions that are stored."""

    topic: str
    ranges: dict[int, tuple[int, int]]
    """First offset and end of each partition."""
    positions: dict[int, int]
    at: Callable[[int], dict[int, int]]
    """First offset of each partition at a time or later; negative where there is none."""


def starts(start: Start, letters: Log, *, dry_run: bool) -> dict[int, int]:
    """Return each partition's first offset. Raises ReplayStartError when nothing says where to start."""
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
            "--since TIME those from the first record at that time or later"
        )
        raise ReplayStartError(message)
    # A partition without a position, beside others that have one, was added since: all of it is new.
    return {number: _within(letters, number, letters.positions.get(number, low)) for number, low in lows.items()}


def _within(letters: Log, number: int, position: int) -> int:
    low, end = letters.ranges[number]
    if position < low:
        log.warning("dead letters were deleted before they were replayed", partition=number, offsets=low - position)
    if position > end:
        log.warning("the log is now shorter than the position: continuing at its end", partition=number, end=end)
    return min(max(low, position), end)
