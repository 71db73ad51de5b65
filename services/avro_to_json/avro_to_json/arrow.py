"""The fast path: converts a whole batch from Avro to Arrow (pyruhvro) and on to JSON lines (arro3), both native.

Neither library is trusted. A batch counts as converted only if every string is valid UTF-8 and encoding Arrow back
to Avro yields exactly the input bytes (which costs a tenth of the time). Anything else raises `UnfitBatchError` or
marks a record for the reference path.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute  # type: ignore[import-untyped]
import pyruhvro  # type: ignore[import-untyped]
from arro3.io import write_ndjson

from avro_to_json.schema import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avro_to_json.schema import Schema

# Untyped: both libraries create these functions at import.
pc: Any = pyarrow.compute
codec: Any = pyruhvro

_TYPES: Final = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
}
_ISO_RANGE_MS: Final = (-62_135_596_800_000, 253_402_300_799_999)
"""Years 1 to 9999, ms since the epoch."""


class UnfitBatchError(ValueError):
    """The fast path can't decode at least one datum in the batch."""


class ArrowConverter:
    """Converts many datums from one flat writer schema to a flat reader schema."""

    def __init__(self, writer: Schema, reader: Schema, *, iso_timestamps: bool, keep_nulls: bool) -> None:
        self._schema = json.dumps(writer.plain)
        self._fields = None if writer.plain == reader.plain else _resolution(writer, reader)
        names = [entry["name"] for entry in reader.plain["fields"]]
        self._iso = [index for index, name in enumerate(names) if iso_timestamps and name in reader.timestamps]
        self._keep_nulls = keep_nulls

    @staticmethod
    def fits(writer: Schema, reader: Schema) -> bool:
        """Whether the result is exactly the reference path's: no nesting, float rounding or aliases."""
        return (
            writer.flat
            and reader.flat
            and all(divisor == 1 for schema in (writer, reader) for divisor in schema.timestamps.values())
            and (writer.plain == reader.plain or not any(entry.get("aliases") for entry in reader.plain["fields"]))
        )

    def convert(self, data: list[bytes]) -> list[bytes | None]:
        """Return JSON for each datum, or None if the reference path must decide. Raises UnfitBatchError."""
        try:
            batch: pa.RecordBatch = codec.deserialize_array(data, self._schema)
            batch.validate(full=True)  # the decoder does not check that strings are UTF-8
            again = codec.serialize_record_batch(batch, self._schema, 1)[0]
        except (ValueError, pa.ArrowException) as error:
            raise UnfitBatchError(str(error)) from error
        if self._fields is not None:
            batch = pa.RecordBatch.from_pydict({field.name: field.of(batch) for field in self._fields})
        for index in self._iso:
            batch = self._with_iso(batch, index)
        out = io.BytesIO()
        write_ndjson(batch, out, explicit_nulls=self._keep_nulls)
        lines: list[bytes | None] = [*_lines(out.getvalue())]
        if len(lines) != len(data):
            message = f"{len(data)} records gave {len(lines)} lines"
            raise UnfitBatchError(message)
        original = pa.array(data, type=again.type)
        if not again.equals(original):
            for index, same in enumerate(pc.equal(again, original).to_pylist()):
                if not same:
                    lines[index] = None
        return lines

    def _with_iso(self, batch: pa.RecordBatch, index: int) -> pa.RecordBatch:
        column = batch.column(index)
        extent: Any = pc.min_max(column).as_py()
        if extent["min"] is not None and not (_ISO_RANGE_MS[0] <= extent["min"] <= extent["max"] <= _ISO_RANGE_MS[1]):
            message = "a timestamp is outside the years 1 to 9999"
            raise UnfitBatchError(message)
        text = pc.strftime(column.cast(pa.timestamp("ms", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
        return batch.set_column(index, batch.schema.field(index).name, text)


def _lines(text: bytes) -> Iterator[bytes]:
    """Yield each line without its line feed. split() compares byte by byte; find() uses the C library's search."""
    start = 0
    while (end := text.find(b"\n", start)) >= 0:
        yield text[start:end]
        start = end + 1


@dataclass(frozen=True)
class _Field:
    """A reader field's source: one of the writer's columns, or the default."""

    name: str
    type: pa.DataType
    column: int | None
    default: Any

    def of(self, batch: pa.RecordBatch) -> pa.Array:
        if self.column is None:
            return pa.repeat(pa.scalar(self.default, self.type), batch.num_rows)
        found = batch.column(self.column)
        return found if found.type == self.type else found.cast(self.type, safe=False)


def _resolution(writer: Schema, reader: Schema) -> list[_Field]:
    written = {entry["name"]: index for index, entry in enumerate(writer.plain["fields"])}
    return [
        _Field(entry["name"], _TYPES[scalar(entry["type"]) or "null"], written.get(entry["name"]), entry.get("default"))
        for entry in reader.plain["fields"]
    ]
