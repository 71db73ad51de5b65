"""Dead letters: the original record, with headers for its origin and the reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from confluent_kafka import Message

Headers = list[tuple[str, str | bytes | None]]

STAGE: Final = "avro-to-json"
PREFIX: Final = "dead."
_REASON_LIMIT: Final = 1000
"""Longest reason in characters, since a header must stay small compared with the value."""


@dataclass(frozen=True)
class Origin:
    """Where a dead letter was read, and why it was rejected."""

    stage: str
    topic: str
    partition: int
    offset: int
    reason: str
    left_out: int = 0
    """Size of a record that is too large for the dead-letter topic, so it stays only on its original topic."""


def mark(headers: Headers | None, origin: Origin) -> Headers:
    """Return the record's own headers followed by those of the origin."""
    marks: Headers = [
        *(headers or []),
        (f"{PREFIX}stage", origin.stage.encode()),
        (f"{PREFIX}topic", origin.topic.encode()),
        (f"{PREFIX}partition", str(origin.partition).encode()),
        (f"{PREFIX}offset", str(origin.offset).encode()),
        (f"{PREFIX}reason", origin.reason[:_REASON_LIMIT].encode(errors="replace")),
    ]
    if origin.left_out:
        marks.append((f"{PREFIX}left_out", str(origin.left_out).encode()))
    return marks


def notice(origin: Origin, timestamp: int, size: int) -> bytes:
    """The dead letter's summary as a line of JSON (dead_letter.avsc). Times in ms since the epoch, sizes in bytes."""
    return json.dumps(
        {
            "timestamp": timestamp,
            "stage": origin.stage,
            "reason": origin.reason[:_REASON_LIMIT],
            "bytes": size,
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": origin.offset,
        },
        ensure_ascii=False,
    ).encode(errors="replace")


def unmark(headers: Headers | None) -> tuple[Headers, Origin | None]:
    """Return the record's own headers and its origin. None if the dead-letter headers are incomplete."""
    own: Headers = []
    marks: dict[str, str] = {}
    for name, value in headers or []:
        if name.startswith(PREFIX):
            marks[name.removeprefix(PREFIX)] = (
                value if isinstance(value, str) else (value or b"").decode(errors="replace")
            )
        else:
            own.append((name, value))
    try:
        origin = Origin(
            stage=marks["stage"],
            topic=marks["topic"],
            partition=int(marks["partition"]),
            offset=int(marks["offset"]),
            reason=marks["reason"],
            left_out=int(marks.get("left_out", 0)),
        )
    except (KeyError, ValueError):
        return own, None
    return own, origin


def headers_of(message: Message) -> Headers | None:
    """Return a message's headers as a list, although the client's types also allow a dict."""
    headers = message.headers()
    return list(headers.items()) if isinstance(headers, dict) else headers
