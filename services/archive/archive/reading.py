"""Reads an archive while another process writes to it: exports a period, and verifies files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from archive import layout
from archive.errors import NotStoredError, StartError
from archive.manifest import Manifest
from archive.schema import OFFSET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from archive.layout import Range
    from archive.store import Store

# Untyped: pyarrow creates these functions at import.
pc: Any = pyarrow.compute
pq: Any = pyarrow.parquet

_ROWS_AT_ONCE: Final = 10_000
_ATTEMPTS: Final = 5
_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True)
class Selection:
    """Selects events from ``start`` up to, but excluding, ``end`` (UTC); of one site or of all."""

    start: datetime
    end: datetime
    site: str | None = None

    def takes(self, place: Range) -> bool:
        """Whether a file may contain such events."""
        if not place.folder.startswith(f"{layout.EVENTS}/"):
            return False
        group = place.folder.rpartition("site_group=")[2]
        wanted = self.site is None or group in (layout.site_group(self.site), layout.OTHERS)
        return wanted and self.start.date().isoformat() <= place.day <= self.end.date().isoformat()

    def of(self, table: pa.Table) -> pa.Table:
        """Return the selected rows."""
        time = table.column("timestamp")
        chosen = pc.and_(pc.greater_equal(time, _moment(self.start)), pc.less(time, _moment(self.end)))
        if self.site is not None:
            chosen = pc.and_(chosen, pc.equal(table.column("site"), self.site))
        return table.filter(chosen)


def load(store: Store) -> Manifest:
    """Read the manifest, with retries: a checkpoint may delete entries during the read."""
    for _ in range(_ATTEMPTS):
        try:
            return Manifest(store)
        except NotStoredError:
            continue
    message = "the manifest changed during every attempt to read it; try again"
    raise StartError(message)


def rows(store: Store, selection: Selection, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the events day by day, each once, with only part of a file in memory."""
    manifest = load(store)
    for place in sorted(file.range for file in manifest.files.values()):
        if selection.takes(place):
            for table in _rows(store, place, schema):
                if len(found := selection.of(table)):
                    yield found


def _rows(store: Store, wanted: Range, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield a file's rows. If the file was merged meanwhile, read its replacement."""
    place = wanted
    for _ in range(_ATTEMPTS):
        try:
            source = store.open(place.name)
        except NotStoredError:
            present = (file.range for file in load(store).files.values())
            found = next((item for item in present if item.overlaps(wanted)), None)
            if found is None:
                return  # its day expired
            place = found
            continue
        for batch in pq.ParquetFile(source, pre_buffer=False).iter_batches(batch_size=_ROWS_AT_ONCE):
            table = pa.Table.from_batches([batch])
            if place != wanted:
                table = table.filter(_between(table.column(OFFSET), wanted.first, wanted.last))
            yield _as(table, schema)
        return
    message = f"{wanted.name}: merged during every attempt to read it; try again"
    raise StartError(message)


def result_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of the tables from `rows`. Columns missing from files with an earlier schema are null."""
    return pa.schema([field.with_nullable(nullable=True) for field in schema])


def problems(store: Store) -> Iterator[str]:
    """Yield problems with the manifest's files: missing, wrong checksum, wrong number of rows."""
    for file in list(load(store).files.values()):
        try:
            source = store.open(file.name)
        except NotStoredError:
            if file.name in load(store).files:
                yield f"{file.name}: missing"
            continue
        digest = hashlib.sha256()
        while block := bytes(source.read(_BLOCK)):
            digest.update(block)
        if digest.hexdigest() != file.sha256:
            yield f"{file.name}: its SHA-256 is not {file.sha256}"
        elif (count := pq.ParquetFile(store.open(file.name)).metadata.num_rows) != file.rows:
            yield f"{file.name}: {count} rows instead of {file.rows}"


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The current schema's columns. Columns missing from the file are null."""
    columns = [
        table.column(field.name).cast(field.type) if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=result_schema(schema))


def _between(column: Any, first: int, last: int) -> Any:
    return pc.and_(pc.greater_equal(column, first), pc.less_equal(column, last))


def _moment(time: datetime) -> pa.Scalar:
    return pa.scalar(time, pa.timestamp("ms", "UTC"))
