"""Stores records: data files first, then the manifest entry that makes the files valid."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pyarrow as pa  # type: ignore[import-untyped]
import structlog

from archive import dead_letters, layout, merge, parquet, split
from archive.layout import Range
from archive.manifest import Entry, File, Manifest, Position
from archive.schema import DEAD_LETTERS
from archive.settings import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.buffer import Batch, Buffer
    from archive.metrics import Metrics
    from archive.settings import Settings
    from archive.store import Store

log = structlog.get_logger(__name__)


class Archiver:
    """Writes an archive, which can have only one writer at a time.

    Every method can be repeated after a StoreError: it then writes the same files under the same names.
    """

    def __init__(self, settings: Settings, store: Store, metrics: Metrics) -> None:
        """Read the manifest and delete an interrupted process's leftovers. StartError if the archive is damaged."""
        self._settings, self._store, self._metrics = settings, store, metrics
        self._writer = uuid.uuid4().hex
        self._removed: list[str] = []
        self._damaged: set[str] = set()
        self.manifest = Manifest(store)
        # From here on, an earlier process that still runs can't commit, so its uncommitted files can be deleted.
        self._commit("begin")
        self._sites = split.Sites(settings.max_sites, (file.range.folder for file in self.manifest.files.values()))
        self._tidy()
        self._report()

    def begin(self, positions: list[Position]) -> None:
        """Record where partitions start, before their first file."""
        if positions:
            self._commit("begin", positions=positions)

    def flush(self, buffer: Buffer) -> None:
        """Store everything in the buffer, then clear it."""
        started = time.monotonic()
        files: list[File] = []
        positions: list[Position] = []
        unreadable = 0
        for batch in buffer.batches():
            files += self._write(batch)
            unreadable += len(batch.letters) if batch.source.topic == self._settings.events_topic else 0
            source = batch.source
            positions.append(
                Position(
                    topic=source.topic,
                    partition=source.partition,
                    log=source.log,
                    offset=batch.following,
                    epoch=batch.epoch,
                )
            )
        if not positions:
            return
        self._commit("events", positions=positions, add=files)
        buffer.clear()
        for file in files:
            self._metrics.rows.labels(file.range.folder.split("/")[0]).inc(file.rows)
        self._metrics.unreadable.inc(unreadable)
        self._metrics.commit_seconds.observe(time.monotonic() - started)

    def maintain(self, now: datetime | None = None) -> bool:
        """Merge one group of small files or delete expired days. Return whether there was anything to do."""
        self._delete_removed()
        self.manifest.checkpoint()
        now = now or datetime.now(UTC)
        oldest = merge.oldest_day(self._settings.retention_days, now)
        if expired := [file.name for file in self.manifest.files.values() if file.range.day < oldest]:
            self._replace("retention", remove=expired)
            log.info("deleted expired days", files=len(expired), before=oldest)
            return True
        files = self.manifest.files.values()
        small = merge.due(files, self._settings.file_mib * MIB, self._settings.merge_files, now, self._damaged)
        if small is None:
            return False
        names = [file.name for file in small]
        try:
            merged = merge.merged(self._store, small)
        except pa.ArrowException as error:
            # Events go on being stored. `archive verify` finds the file that is damaged.
            log.error("can't merge files: at least one is damaged", error=str(error), first=names[0], last=names[-1])
            self._damaged.update(names)
        else:
            self._replace("merge", add=[merged], remove=names)
        return True

    def _write(self, batch: Batch) -> Iterator[File]:
        parts: list[tuple[str, pa.Table]] = []
        if batch.events:
            parts += split.events(pa.concat_tables(batch.events), self._sites)
        if batch.letters:
            parts += split.dead_letters(dead_letters.to_table(batch.letters))
        for folder, table in parts:
            place = Range(folder, batch.source, batch.first, batch.last)
            schema = DEAD_LETTERS if folder.startswith(layout.DEAD_LETTERS) else table.schema
            file = parquet.store(self._store, place, [table], schema)
            self._metrics.written_bytes.inc(file.bytes)
            yield file

    def _replace(
        self, kind: Literal["merge", "retention"], *, remove: list[str], add: list[File] | None = None
    ) -> None:
        # Delete the old files at once: until then, a reader of the whole folder sees the rows twice.
        self._commit(kind, add=add or [], remove=remove)
        self._removed += remove
        self._delete_removed()

    def _delete_removed(self) -> None:
        self._store.delete(self._removed)
        self._removed.clear()

    def _commit(
        self,
        kind: Literal["begin", "events", "merge", "retention"],
        *,
        positions: list[Position] | None = None,
        add: list[File] | None = None,
        remove: list[str] | None = None,
    ) -> None:
        self.manifest.commit(
            Entry(
                sequence=self.manifest.sequence + 1,
                written=datetime.now(UTC).isoformat(timespec="seconds"),
                writer=self._writer,
                kind=kind,
                positions=positions or [],
                add=add or [],
                remove=remove or [],
            )
        )
        self._metrics.commits.labels(kind).inc()
        self._report()

    def _tidy(self) -> None:
        # Not when a store is opened, since an export opens it while the service writes.
        for left in self._store.workspace.iterdir():
            left.unlink(missing_ok=True)
        names = [name for table in layout.TABLES for name, _ in self._store.files(f"{table}/")]
        useless, unexplained = merge.superfluous(
            names,
            (file.range for file in self.manifest.files.values()),
            self.manifest.positions,
            merge.oldest_day(self._settings.retention_days),
        )
        if useless:
            log.warning("deleting leftover files of an interrupted process", files=len(useless))
            self._store.delete(useless)
        if unexplained:
            log.error("keeping files that the manifest does not list", files=len(unexplained), first=unexplained[0])

    def _report(self) -> None:
        files = self.manifest.files.values()
        self._metrics.files.set(len(files))
        self._metrics.stored_rows.set(sum(file.rows for file in files))
        self._metrics.stored_bytes.set(sum(file.bytes for file in files))
        self._metrics.last_commit.set_to_current_time()
