"""Merges small files of one folder and partition, and finds obsolete files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from archive import parquet
from archive.layout import read_name
from archive.settings import MIB

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from archive.layout import Range
    from archive.manifest import File, Position
    from archive.store import Store

# Untyped: pyarrow creates these functions at import.
pq: Any = pyarrow.parquet

_SMALL_PART: Final = 4
"""A file is small if it has less than a quarter of the target size."""
_DAY_OVER: Final = timedelta(hours=1)
"""Time after the end of a day. Few of its events arrive later."""
_BYTES_AT_ONCE: Final = 16 * MIB
_ROWS_AT_ONCE: Final = 10_000


def due(
    files: Iterable[File], file_bytes: int, many: int, now: datetime, left_alone: Container[str] = ()
) -> list[File] | None:
    """Return small files to merge into one: files of a past day, or too many of a day. None if there are none.

    `left_alone` are names of files that must not be merged.
    """
    today = (now - _DAY_OVER).strftime("%Y-%m-%d")
    # Larger files and those left alone separate a partition's small ones, since a merged range must not contain another
    # file.
    placed = sorted(((file.range, file) for file in files), key=lambda pair: pair[0])
    for (folder, _), members in groupby(placed, key=lambda pair: (pair[0].folder, pair[0].source)):
        least = 2 if folder.split("/")[1].removeprefix("day=") < today else many
        for small, run in groupby(
            members, key=lambda pair: pair[1].bytes * _SMALL_PART < file_bytes and pair[1].name not in left_alone
        ):
            chosen = _up_to(file_bytes, (file for _, file in run)) if small else []
            if len(chosen) >= least:
                return chosen
    return None


def merged(store: Store, files: Sequence[File]) -> File:
    """Write one file with the rows of all files, with only some of the rows in memory at a time."""
    first, last = files[0].range, files[-1].range
    opened = [pq.ParquetFile(store.open(file.name), pre_buffer=False) for file in files]
    schema = _common_schema([item.schema_arrow for item in opened])
    return parquet.store(store, replace(first, last=last.last), _tables(opened, schema), schema)


def superfluous(
    names: Iterable[str], ranges: Iterable[Range], positions: Mapping[tuple[str, int], Position], oldest_day: str
) -> tuple[list[str], list[str]]:
    """Return data files that are missing from the manifest: files to delete, and unexplained files.

    A file can be deleted in three cases: its rows will be read again (the process ended before it updated the
    manifest), other files contain its rows (it was merged, or it is a merged file that was never committed), or its
    day has expired.
    """
    by_place: dict[Any, list[Range]] = {}
    for item in ranges:
        by_place.setdefault((item.folder, item.source), []).append(item)
    listed = {item.name for place in by_place.values() for item in place}
    useless: list[str] = []
    unexplained: list[str] = []
    for name in names:
        if name in listed:
            continue
        found = read_name(name)
        if found is None:
            unexplained.append(name)
            continue
        source = found.source
        position = positions.get((source.topic, source.partition))
        unread = position is not None and position.log == source.log and found.first >= position.offset
        held = any(found.overlaps(other) for other in by_place.get((found.folder, source), ()))
        (useless if unread or held or found.day < oldest_day else unexplained).append(name)
    return useless, unexplained


def oldest_day(retention_days: int, now: datetime | None = None) -> str:
    """Return the first day to keep. If all are kept, an empty string, which sorts before any day."""
    if not retention_days:
        return ""
    return ((now or datetime.now(UTC)) - timedelta(days=retention_days)).strftime("%Y-%m-%d")


def _common_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The union of all columns. A column is nullable if any file lacks it."""
    union = pa.unify_schemas(schemas, promote_options="permissive")
    return pa.schema(
        [
            field if all(field.name in schema.names for schema in schemas) else field.with_nullable(nullable=True)
            for field in union
        ]
    )


def _up_to(limit: int, files: Iterable[File]) -> list[File]:
    chosen: list[File] = []
    size = 0
    for file in files:
        if chosen and size + file.bytes > limit:
            break
        chosen.append(file)
        size += file.bytes
    return chosen


def _tables(opened: Sequence[Any], schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    size = 0
    for item in opened:
        for batch in item.iter_batches(batch_size=_ROWS_AT_ONCE):
            waiting.append(batch)
            size += batch.nbytes
            if size >= _BYTES_AT_ONCE:
                yield _together(waiting, schema)
                waiting, size = [], 0
    if waiting:
        yield _together(waiting, schema)


def _together(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Concatenate tables. Columns missing from an earlier version of the schema are null."""
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    joined = pa.concat_tables(tables, promote_options="permissive")
    for field in schema:
        if field.name not in joined.column_names:
            joined = joined.append_column(field, pa.nulls(len(joined), field.type))
    return joined.select(schema.names).cast(schema)
