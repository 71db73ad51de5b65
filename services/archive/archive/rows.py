"""Converts lines of JSON to columns. Reports lines that are not events, without losing the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute  # type: ignore[import-untyped]
import pyarrow.json  # type: ignore[import-untyped]

from archive.schema import OFFSET, ORIGIN, PARTITION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.schema import EventSchema

# Untyped: pyarrow creates these functions at import.
pc: Any = pyarrow.compute
pj: Any = pyarrow.json

_YEARS_1_TO_9999_MS: Final = (-62_135_596_800_000, 253_402_300_799_999)


class UnreadableError(ValueError):
    """At least one line is not an event. For a single line, the message says why."""


def to_table(
    lines: Sequence[bytes | None], offsets: Sequence[int], partition: int, schema: EventSchema
) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Return the events as a table, and the index and reason of each line that is not an event."""
    tables: list[pa.Table] = []
    unreadable: list[tuple[int, str]] = []
    _convert(lines, list(range(len(lines))), schema, tables, unreadable)
    read = [index for part in tables for index in part.column("index").to_pylist()]
    if not tables:
        return schema.table.empty_table(), unreadable
    table = pa.concat_tables(tables).drop_columns("index")
    table = table.append_column(ORIGIN[0], pa.repeat(pa.scalar(partition, ORIGIN[0].type), len(read)))
    table = table.append_column(ORIGIN[1], pa.array([offsets[index] for index in read], ORIGIN[1].type))
    return table.select(schema.table.names).cast(schema.table), unreadable


def _convert(
    lines: Sequence[bytes | None],
    indexes: list[int],
    schema: EventSchema,
    tables: list[pa.Table],
    unreadable: list[tuple[int, str]],
) -> None:
    """Bisect until the bad line is found, so that the other lines stay on the fast path."""
    if not indexes:
        return
    try:
        table = _parse([lines[index] for index in indexes], schema)
    except UnreadableError as error:
        if len(indexes) == 1:
            unreadable.append((indexes[0], str(error)))
            return
        middle = len(indexes) // 2
        _convert(lines, indexes[:middle], schema, tables, unreadable)
        _convert(lines, indexes[middle:], schema, tables, unreadable)
        return
    tables.append(table.append_column("index", pa.array(indexes, pa.int64())))


def _parse(lines: list[bytes | None], schema: EventSchema) -> pa.Table:
    objects = [(line or b"").strip() for line in lines]
    # Two objects on one line and none on another must not pass as two lines.
    if any(not line.startswith(b"{") or not line.endswith(b"}") for line in objects):
        message = "not a JSON object"
        raise UnreadableError(message)
    text = b"\n".join(objects)
    try:
        table = pj.read_json(
            pa.BufferReader(text),
            # A single block, since no line may cross a block boundary.
            read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pj.ParseOptions(explicit_schema=schema.json, unexpected_field_behavior="ignore"),
        )
        table.validate(full=True)  # the reader does not check that strings are UTF-8
    except (pa.ArrowException, ValueError) as error:
        message = f"not an event: {error}"
        raise UnreadableError(message) from error
    if len(table) != len(lines):
        message = f"not one JSON object: {len(table)} found"
        raise UnreadableError(message)
    table = _with_defaults(table.select(schema.json.names), schema)
    for field in schema.table:
        if not field.nullable and field.name not in (PARTITION, OFFSET) and table.column(field.name).null_count:
            message = f"{field.name} is missing"
            raise UnreadableError(message)
    least, most = _YEARS_1_TO_9999_MS
    extent = pc.min_max(table.column("timestamp")).as_py()
    if not least <= extent["min"] <= extent["max"] <= most:
        message = "timestamp is outside the years 1 to 9999"
        raise UnreadableError(message)
    return table


def _with_defaults(table: pa.Table, schema: EventSchema) -> pa.Table:
    for name, default in schema.defaults.items():
        index = table.column_names.index(name)
        if table.column(index).null_count:
            filled = pc.fill_null(table.column(index), pa.scalar(default, table.schema.field(index).type))
            table = table.set_column(index, name, filled)
    return table
