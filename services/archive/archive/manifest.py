"""The manifest: which files form the archive, and up to which position they contain each partition.

It is a sequence of entries, ``_manifest/000000000001.json`` and so on. Each entry is one change: files added or
removed, and positions. An entry is written atomically and never replaced, so a change happens completely or not at
all, and only one process can make it. After every hundred entries, a checkpoint replaces all earlier entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from archive.errors import NameTakenError, OtherWriterError, StartError
from archive.layout import TABLES, Range, Source, read_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.store import Store

FOLDER: Final = "_manifest/"
CHECKPOINT_EVERY: Final = 100

_Model = TypeVar("_Model", bound=BaseModel)


class File(BaseModel):
    """A data file. ``hours``: the number of rows for each hour (UTC) of their timestamps, such as 2026-11-28T14."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    bytes: int
    sha256: str
    hours: dict[str, int]

    @property
    def range(self) -> Range:
        """The range in its name."""
        found = read_name(self.name)
        if found is None:
            message = f"{self.name}: the manifest lists a file whose name is not one of the archive's"
            raise StartError(message)
        return found


class Position(BaseModel):
    """Where a partition continues: its log, the next offset, and the leader epoch of the previous record."""

    model_config = ConfigDict(frozen=True)

    topic: str
    partition: int
    log: str
    offset: int
    epoch: int = -1

    @property
    def source(self) -> Source:
        """The partition."""
        return Source(self.topic, self.log, self.partition)


class Entry(BaseModel):
    """One change. ``writer`` identifies the process."""

    sequence: int
    written: str
    writer: str
    kind: Literal["begin", "events", "merge", "retention"]
    positions: list[Position] = []
    add: list[File] = []
    remove: list[str] = []


class Checkpoint(BaseModel):
    """The result of all entries up to one."""

    sequence: int
    positions: list[Position]
    files: list[File]


class Manifest:
    """The archive's content, as this process knows it."""

    def __init__(self, store: Store) -> None:
        """Read the manifest. StartError if it is damaged."""
        self._store = store
        self.sequence = self._checkpoint = 0
        self.files: dict[str, File] = {}
        self.positions: dict[tuple[str, int], Position] = {}
        self._read()

    def commit(self, entry: Entry) -> None:
        """Commit a change. OtherWriterError if another process committed one. Can be repeated after a StoreError."""
        name = _entry_name(entry.sequence)
        # Entries before a checkpoint are deleted, so a process that was suspended could recreate one of them.
        if any(number > entry.sequence for number in _numbers(_names(self._store), ".json")):
            raise OtherWriterError(name)
        try:
            self._store.create(name, entry.model_dump_json().encode())
        except NameTakenError as error:
            # Our earlier attempt may have succeeded although its response was lost.
            there = self._parse(name, Entry)
            if there.model_copy(update={"written": entry.written}) != entry:
                raise OtherWriterError(name) from error
        self._apply(entry)

    def checkpoint(self) -> None:
        """Write a checkpoint if one is due, and delete the entries that it replaces."""
        if self.sequence - self._checkpoint < CHECKPOINT_EVERY:
            return
        found = Checkpoint(
            sequence=self.sequence, positions=list(self.positions.values()), files=list(self.files.values())
        )
        name = f"{FOLDER}{self.sequence:012}.checkpoint"
        local = self._store.workspace / "checkpoint"
        local.write_text(found.model_dump_json(), encoding="utf-8")
        self._store.publish(local, name)
        names = _names(self._store)
        older = [number for number in _numbers(names, ".checkpoint") if number < self.sequence]
        self._store.delete(f"{FOLDER}{number:012}.checkpoint" for number in older)
        entries = [number for number in _numbers(names, ".json") if number < self.sequence]
        self._store.delete(_entry_name(number) for number in entries)
        self._checkpoint = self.sequence

    def _read(self) -> None:
        names = _names(self._store)
        checkpoints = _numbers(names, ".checkpoint")
        if checkpoints:
            found = self._parse(f"{FOLDER}{max(checkpoints):012}.checkpoint", Checkpoint)
            self.sequence = self._checkpoint = found.sequence
            self.files = {file.name: file for file in found.files}
            self.positions = {(item.topic, item.partition): item for item in found.positions}
        for number in sorted(number for number in _numbers(names, ".json") if number > self.sequence):
            if number != self.sequence + 1:
                message = f"{_entry_name(self.sequence + 1)}: missing; restore it from a backup of the archive"
                raise StartError(message)
            self._apply(self._parse(_entry_name(number), Entry))
        if self.sequence == 0 and any(True for table in TABLES for _ in self._store.files(f"{table}/")):
            message = (
                f"there are data files but no {FOLDER}, so their content is unknown; restore it from a "
                "backup, or move the files away to begin a new archive"
            )
            raise StartError(message)

    def _parse(self, name: str, model: type[_Model]) -> _Model:
        try:
            return model.model_validate_json(self._store.read(name))
        except ValidationError as error:
            message = f"{name}: damaged: {error.errors()[0]['msg']}; restore it from a backup of the archive"
            raise StartError(message) from error

    def _apply(self, entry: Entry) -> None:
        self.sequence = entry.sequence
        for name in entry.remove:
            self.files.pop(name, None)
        self.files.update({file.name: file for file in entry.add})
        self.positions.update({(item.topic, item.partition): item for item in entry.positions})


def _entry_name(sequence: int) -> str:
    return f"{FOLDER}{sequence:012}.json"


def _names(store: Store) -> list[str]:
    return [name for name, _ in store.files(FOLDER)]


def _numbers(names: Iterable[str], suffix: str) -> list[int]:
    stems = [name.removeprefix(FOLDER).removesuffix(suffix) for name in names if name.endswith(suffix)]
    return [int(stem) for stem in stems if stem.isdecimal()]
