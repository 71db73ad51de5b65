"""Streams events as Parquet, CSV or JSON lines."""

from __future__ import annotations

import contextlib
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]

from archive import parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Format(StrEnum):
    """Output format."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class _Counted:
    """Tracks the position of a stream that can't report it, such as a pipe. Parquet's footer needs the position."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._position, self.closed = stream, 0, False

    def write(self, data: Any) -> int:
        written = self._stream.write(data)
        self._position += len(data)
        return written

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        self._stream.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def write(tables: Iterable[pa.Table], schema: pa.Schema, stream: BinaryIO, form: Format) -> int:
    """Write tables and return the number of rows."""
    rows = 0
    with _WRITERS[form](stream, schema) as take:
        for table in tables:
            take(table)
            rows += len(table)
    stream.flush()
    return rows


@contextlib.contextmanager
def _parquet(stream: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    with parquet.writer(pa.PythonFile(_Counted(stream), mode="w"), schema) as writer:
        yield writer.write_table


@contextlib.contextmanager
def _csv(stream: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    with pyarrow.csv.CSVWriter(pa.PythonFile(_Counted(stream), mode="w"), schema) as writer:
        yield writer.write_table


@contextlib.contextmanager
def _jsonl(stream: BinaryIO, _schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

    def take(table: pa.Table) -> None:
        stream.writelines(orjson.dumps(row, option=options) for row in table.to_pylist())

    yield take


_WRITERS = {Format.PARQUET: _parquet, Format.CSV: _csv, Format.JSONL: _jsonl}
