"""Writes tables as Parquet files with fixed compression and encodings, and describes them for the manifest."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from archive.errors import StoreError
from archive.manifest import File
from archive.schema import OFFSET

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from archive.layout import Range
    from archive.store import Store

# Untyped: pyarrow creates these functions at import.
pc: Any = pyarrow.compute
pq: Any = pyarrow.parquet

_ROWS_OF_A_GROUP: Final = 100_000
_DISTINCT: Final = {OFFSET, "event_id", "page_view_id", "key", "value"}
"""Columns without repeated values, for which dictionary encoding saves nothing."""


def writer(target: Path | Any, schema: pa.Schema) -> Any:
    """Return a ParquetWriter."""
    return pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=[field.name for field in schema if field.name not in _DISTINCT],
        column_encoding={OFFSET: "DELTA_BINARY_PACKED"} if OFFSET in schema.names else None,
        write_page_checksum=True,
    )


def store(target: Store, place: Range, tables: Iterable[pa.Table], schema: pa.Schema) -> File:
    """Write tables as one file, named after its range. The caller adds it to the manifest."""
    local = target.workspace / uuid.uuid4().hex
    rows, hours = 0, Counter[str]()
    try:
        with writer(local, schema) as parquet:
            for table in tables:
                parquet.write_table(table, row_group_size=_ROWS_OF_A_GROUP)
                rows += len(table)
                hours.update(_hours(table))
        with local.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = local.stat().st_size
        target.publish(local, place.name)
    except OSError as error:
        message = f"{place.name}: {error.strerror or error}"
        raise StoreError(message) from error
    finally:
        # Otherwise, each failed attempt would leave a file while the store is unavailable.
        local.unlink(missing_ok=True)
    return File(name=place.name, rows=rows, bytes=size, sha256=digest, hours=dict(sorted(hours.items())))


def _hours(table: pa.Table) -> dict[str, int]:
    text = pc.strftime(pc.floor_temporal(table.column("timestamp"), unit="hour"), format="%Y-%m-%dT%H")
    return {item["values"].as_py(): item["counts"].as_py() for item in pc.value_counts(text)}


def days(table: pa.Table) -> pa.ChunkedArray:
    """Return each row's day, UTC, such as 2026-11-28."""
    return pc.strftime(table.column("timestamp"), format="%Y-%m-%d")
