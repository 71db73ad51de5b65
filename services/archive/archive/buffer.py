"""Records that are not in a file yet, by partition. Limited in bytes, converted to columns on arrival."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from archive import dead_letters, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa  # type: ignore[import-untyped]

    from archive.layout import Source
    from archive.records import Record
    from archive.schema import EventSchema

_CONVERTED_AT_ONCE: Final = 2 * 1024 * 1024
"""Bytes of JSON. Columns take half as much."""


@dataclass
class Batch:
    """A partition's records from ``first`` to ``last``."""

    source: Source
    first: int
    last: int = 0
    epoch: int = -1
    lines: list[Record] = field(default_factory=list)
    events: list[pa.Table] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)

    @property
    def following(self) -> int:
        """The offset after the last record."""
        return self.last + 1


class Buffer:
    """Collects records in the order of their offsets."""

    def __init__(self, schema: EventSchema, events_topic: str) -> None:
        self._schema, self._events_topic = schema, events_topic
        self._batches: dict[Source, Batch] = {}
        self._unconverted = 0
        self._converted = 0
        self._since: float | None = None

    @property
    def bytes(self) -> int:
        """Approximate bytes in memory."""
        return self._unconverted + self._converted

    @property
    def age(self) -> float:
        """Seconds since the oldest record arrived; 0 if empty."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def add(self, source: Source, record: Record) -> None:
        """Add a record."""
        if self._since is None:
            self._since = time.monotonic()
        batch = self._batches.setdefault(source, Batch(source, record.offset))
        batch.last, batch.epoch = record.offset, record.epoch
        if record.topic == self._events_topic:
            batch.lines.append(record)
            self._unconverted += record.size
            if self._unconverted >= _CONVERTED_AT_ONCE:
                self._convert()
        else:
            batch.letters.append(dead_letters.row(record))
            self._converted += record.size

    def batches(self) -> Iterator[Batch]:
        """Yield the converted records. They stay until `clear`, so that storing can be retried."""
        self._convert()
        yield from self._batches.values()

    def clear(self) -> None:
        """Drop everything, once it is in files."""
        self._batches.clear()
        self._unconverted = self._converted = 0
        self._since = None

    def _convert(self) -> None:
        for batch in self._batches.values():
            if not batch.lines:
                continue
            table, unreadable = rows.to_table(
                [record.value for record in batch.lines],
                [record.offset for record in batch.lines],
                batch.source.partition,
                self._schema,
            )
            if len(table):
                batch.events.append(table)
                self._converted += table.nbytes
            for index, reason in unreadable:
                batch.letters.append(dead_letters.unreadable(batch.lines[index], reason))
                self._converted += batch.lines[index].size
            batch.lines = []
        self._unconverted = 0
