"""Columns of the archive's tables. Event columns follow the Avro schema; dead-letter columns are defined here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]

from archive.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIME: Final = pa.timestamp("ms", "UTC")
PARTITION: Final = "kafka_partition"
OFFSET: Final = "kafka_offset"
ORIGIN: Final = [pa.field(PARTITION, pa.int32(), nullable=False), pa.field(OFFSET, pa.int64(), nullable=False)]
"""A row's source. The combination is unique within a topic, so anybody can check for duplicates."""

DEAD_LETTERS: Final = pa.schema(
    [
        pa.field("timestamp", TIME, nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        *ORIGIN,
    ]
)

_TYPES: Final = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
}


@dataclass(frozen=True)
class EventSchema:
    """``table`` has the stored columns, ``json`` the columns as they are in JSON, where times are numbers.

    ``defaults`` are the values of non-null fields that are missing from events with an earlier schema.
    """

    table: pa.Schema
    json: pa.Schema
    defaults: Mapping[str, Any]


def load(path: Path) -> EventSchema:
    """Read an Avro schema. The StartError lists fields that the archive can't store."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["fields"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: not an Avro record schema: {error!r}"
        raise StartError(message) from error
    found = {entry["name"]: _scalar(entry["type"]) for entry in entries}
    if refused := [name for name, kind in found.items() if kind is None]:
        message = f"{path}: no column type for {', '.join(refused)}; a field can be {', '.join(_TYPES)}, or null"
        raise StartError(message)
    if found.get("timestamp", (None, False, False))[2] is False:  # type: ignore[index]
        message = f"{path}: timestamp must be a long with logicalType timestamp-millis: it determines the day"
        raise StartError(message)
    kinds = {name: kind for name, kind in found.items() if kind is not None}
    return EventSchema(
        table=pa.schema(
            [
                *(
                    pa.field(name, TIME if is_time else _TYPES[kind], nullable=nullable)
                    for name, (kind, nullable, is_time) in kinds.items()
                ),
                *ORIGIN,
            ]
        ),
        defaults={
            entry["name"]: entry["default"] for entry in entries if "default" in entry and entry["default"] is not None
        },
        json=pa.schema([pa.field(name, _TYPES[kind]) for name, (kind, _, _) in kinds.items()]),
    )


def _scalar(declared: Any) -> tuple[str, bool, bool] | None:
    """A field's type, whether it is nullable, and whether it is a time in milliseconds."""
    branches = declared if isinstance(declared, list) else [declared]
    inner = [branch for branch in branches if branch != "null"]
    if len(inner) != 1:
        return None
    (found,) = inner
    logical = found.get("logicalType") if isinstance(found, dict) else None
    kind = found["type"] if isinstance(found, dict) else found
    if kind not in _TYPES or logical not in (None, "timestamp-millis"):
        return None
    return kind, len(branches) > 1, logical is not None
