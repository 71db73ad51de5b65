"""Converts dead letters to rows: the original record, and the headers of the service that rejected it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from archive.schema import DEAD_LETTERS, OFFSET, PARTITION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.records import Record

Row = dict[str, Any]


def to_table(rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table."""
    return pa.Table.from_pylist(list(rows), schema=DEAD_LETTERS)


def row(record: Record) -> Row:
    """Return a dead letter. avro-to-json marks its headers with ``dead.``; the collector does not."""
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    marked = "dead.stage" in headers
    return {
        **_as_it_was(record),
        "stage": headers["dead.stage"] if marked else "collector",
        "source": None if marked else headers.get("source"),
        "reason": headers.get("dead.reason" if marked else "reason", "not given"),
        "topic": headers.get("dead.topic"),
        "partition": _number(headers.get("dead.partition")),
        "offset": _number(headers.get("dead.offset")),
    }


def unreadable(record: Record, reason: str) -> Row:
    """Return a record on the events' topic that is not an event. It is kept as a dead letter, so nothing is lost."""
    return {
        **_as_it_was(record),
        "stage": "archive",
        "reason": reason[:1000],
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
    }


def _as_it_was(record: Record) -> Row:
    return {
        "timestamp": max(record.timestamp, 0),
        "headers": [{"name": name, "value": value} for name, value in record.headers],
        "key": record.key,
        "value": record.value,
        PARTITION: record.partition,
        OFFSET: record.offset,
    }


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
