"""The reference path: fastavro and a JSON encoder, one record at a time.

Slow (about 30,000 records per second and core) but exact. It reports what is wrong with a record, resolves schemas,
and handles everything that the fast path can't.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import fastavro
import orjson
from fastavro.read import SchemaResolutionError

from avro_to_json.errors import BadRecordError

if TYPE_CHECKING:
    from avro_to_json.schema import Schema

_DECODING_ERRORS: Final = (
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
    MemoryError,
    SchemaResolutionError,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso(millis: int) -> str:
    """Return milliseconds since the epoch as ISO-8601 in UTC, always with three decimals."""
    try:
        return (_EPOCH + timedelta(milliseconds=millis)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis % 1000:03d}Z"
    except OverflowError as error:
        message = f"timestamp {millis} ms is outside the years 1 to 9999"
        raise BadRecordError(message) from error


class ReferenceConverter:
    """Converts one datum: ``convert(datum) -> JSON bytes``; raises BadRecordError with the reason."""

    def __init__(self, writer: Schema, reader: Schema, *, iso_timestamps: bool, keep_nulls: bool) -> None:
        self._writer = writer.parsed
        self._reader = None if writer.plain == reader.plain else reader.parsed
        self._drop_nulls = not keep_nulls
        self._timestamps = [
            (name, divisor) for name, divisor in reader.timestamps.items() if iso_timestamps or divisor != 1
        ]
        self._iso = iso_timestamps

    def convert(self, datum: bytes) -> bytes:
        """Return the record as compact JSON, UTF-8, with the reader schema's names in its order."""
        stream = io.BytesIO(datum)
        try:
            record: Any = fastavro.schemaless_reader(stream, self._writer, self._reader)
        except _DECODING_ERRORS as error:
            reason = str(error).partition(" from <_io")[0]  # without the buffer's address: equal faults, equal reasons
            message = f"not a record of the schema: {type(error).__name__}: {reason}"
            raise BadRecordError(message) from error
        if left := len(datum) - stream.tell():
            message = f"not a record of the schema: {left} bytes left over after it"
            raise BadRecordError(message)
        for name, divisor in self._timestamps:
            if (value := record[name]) is not None:
                millis = value // divisor
                record[name] = iso(millis) if self._iso else millis
        if self._drop_nulls:
            record = {name: value for name, value in record.items() if value is not None}
        try:
            return orjson.dumps(record)
        except orjson.JSONEncodeError as error:
            message = f"no JSON for it: {error}"
            raise BadRecordError(message) from error
