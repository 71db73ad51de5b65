"""Segments on disk. Blocking; the Spool calls it from its own thread, but for opening."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from collector.delivery.spool_cursor import CursorFile
from collector.delivery.spool_format import MAGIC, SpooledMessage, decode_payload, frames

if TYPE_CHECKING:
    from pathlib import Path

    from collector.delivery.spool_cursor import Cursor

_LOG: Final = logging.getLogger(__name__)
_CURSOR: Final = "cursor"
_SLOTS: Final = 64


class SpoolFullError(OSError):
    """The spool has reached its configured size."""


class SpoolFiles:
    """One spool directory: numbered segments, and a cursor that tells what was replayed."""

    def __init__(self, directory: Path, segment_bytes: int, max_bytes: int) -> None:
        """Open the directory, cutting a torn tail. The caller holds its lock."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self.cut_bytes = 0
        self._sizes = {int(path.stem): path.stat().st_size for path in directory.glob("*.log") if path.stem.isdigit()}
        self._descriptor: int | None = None
        for number in sorted(self._sizes):
            self._cut_tail(number)
        self._drop_empty()
        self._cursor_file = CursorFile(directory / _CURSOR)
        self._drop_replayed()
        self._current = max(max(self._sizes, default=0), self.cursor[0]) + 1

    @property
    def cursor(self) -> Cursor:
        """Everything before it was replayed."""
        return self._cursor_file.cursor

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(self._sizes.values())

    @property
    def pending_bytes(self) -> int:
        """Bytes that still are to be replayed."""
        return sum(
            size - (self.cursor[1] if number == self.cursor[0] else len(MAGIC))
            for number, size in self._sizes.items()
            if number >= self.cursor[0]
        )

    def append(self, data: bytes) -> None:
        """Write whole frames and sync them to the disk; on return they survive a crash.

        OSError (SpoolFullError at the configured size) when they could not be made safe. What was written of
        them is cut off again; where even that fails, they may be replayed though nobody was told they are safe.
        """
        if self.size + len(data) > self._max_bytes:
            message = f"the spool holds {self.size} bytes and may hold {self._max_bytes}"
            raise SpoolFullError(message)
        try:
            descriptor = self._open_segment()
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:])
            os.fdatasync(descriptor)
        except OSError:
            self._abandon_segment()
            raise
        self._sizes[self._current] += len(data)
        if self._sizes[self._current] >= self._segment_bytes:
            self._close_segment()

    def read(self, limit: int) -> tuple[list[SpooledMessage], Cursor]:
        """Up to that many messages from the cursor on, of one segment, and the cursor after them."""
        while True:
            waiting = sorted(number for number in self._sizes if number >= self.cursor[0])
            if not waiting:
                return [], self.cursor
            number = waiting[0]
            position = max(self.cursor[1], len(MAGIC)) if number == self.cursor[0] else len(MAGIC)
            if position < self._sizes[number]:
                messages, end = self._read_segment(number, position, limit)
                if messages:
                    return messages, (number, end)
            elif number == self._current:
                self._close_segment()  # replayed to its end: it can go, and give its room back
            self.advance((number + 1, 0))

    def advance(self, cursor: Cursor) -> None:
        """Everything before the cursor was replayed: remember it, and remove the segments that are done."""
        self._cursor_file.write(cursor)
        self._drop_replayed()

    def keep_refused(self, frame: bytes) -> None:
        """Add a frame to the file of messages that Kafka refused for what they are."""
        path = self._directory / "refused.frames"
        with path.open("ab") as file:
            if file.tell() == 0:
                file.write(MAGIC)
            file.write(frame)
            file.flush()
            os.fsync(file.fileno())

    def probe(self) -> None:
        """Write and sync a small file; OSError when the disk takes nothing."""
        path = self._directory / "probe"
        with path.open("wb") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
        path.unlink()

    def close(self) -> None:
        """Close the files."""
        self._close_segment()
        self._cursor_file.close()

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}.log"

    def _open_segment(self) -> int:
        if self._descriptor is None:
            path = self._path(self._current)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.write(self._descriptor, MAGIC)
            self._sizes[self._current] = len(MAGIC)
            self._sync_directory()  # the name must survive a crash too
        return self._descriptor

    def _abandon_segment(self) -> None:
        """After a failed write: cut to what is known to be good, and continue in a new segment.

        A failed fsync leaves the state of the pages unknown, so the same file is not written to again.
        """
        size = self._sizes.get(self._current)
        if self._descriptor is not None and size is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
        elif size is None:
            with suppress(OSError):
                self._path(self._current).unlink(missing_ok=True)
        self._close_segment(force=True)

    def _close_segment(self, *, force: bool = False) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):
                os.close(descriptor)
            force = True
        if force:
            self._current += 1

    def _read_segment(self, number: int, position: int, limit: int) -> tuple[list[SpooledMessage], int]:
        messages: list[SpooledMessage] = []
        with self._path(number).open("rb") as file:
            file.seek(position)
            data = file.read(min(self._sizes[number] - position, 8 * 1024 * 1024))
        base = position
        for payload, end in frames(data):
            messages.append(decode_payload(payload))
            position = base + end
            if len(messages) >= limit:
                return messages, position
        if not messages:
            self._set_aside(number, base)
        return messages, position

    def _set_aside(self, number: int, position: int) -> None:
        """Damage in the middle of a segment: keep the bytes for a human, never replay them as garbage."""
        path = self._path(number)
        aside = path.with_suffix(".damaged")
        path.rename(aside)
        lost = self._sizes.pop(number) - position
        self.cut_bytes += lost
        _LOG.error("damaged spool segment set aside", extra={"path": str(aside), "offset": position, "bytes": lost})

    def _cut_tail(self, number: int) -> None:
        path = self._path(number)
        data = path.read_bytes()
        good = len(MAGIC) if data.startswith(MAGIC) else 0
        for _, end in frames(data, good) if good else ():
            good = end
        if good == len(data) and good:
            return
        torn = len(data) - good
        if torn:
            # The bytes are kept beside the segment: a torn tail was never acknowledged, but damage may have been.
            path.with_suffix(f".{good}.damaged").write_bytes(data[good:])
            self.cut_bytes += torn
            _LOG.warning("torn spool tail cut", extra={"path": str(path), "offset": good, "bytes": torn})
        os.truncate(path, good)
        self._sizes[number] = good

    def _drop_empty(self) -> None:
        for number in [number for number, size in self._sizes.items() if size <= len(MAGIC)]:
            self._path(number).unlink()
            del self._sizes[number]

    def _drop_replayed(self) -> None:
        for number in [number for number in self._sizes if number < self.cursor[0]]:
            self._path(number).unlink(missing_ok=True)
            del self._sizes[number]

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def take_slot(root: Path) -> tuple[Path, int]:
    """A spool directory of our own below the root, and its lock (a file descriptor to keep open).

    Replicas on one machine may share the root: each locks a slot, and one with events left over from a
    collector that is gone is taken first.
    """
    root.mkdir(parents=True, exist_ok=True)
    slots = [root / f"slot-{number:02d}" for number in range(_SLOTS)]
    slots.sort(key=lambda slot: not any(slot.glob("*.log")))  # stable: lowest number first in each half
    for slot in slots:
        slot.mkdir(exist_ok=True)
        descriptor = os.open(slot / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return slot, descriptor
    message = f"all {_SLOTS} spool slots below {root} are in use; set COLLECTOR_SPOOL_DIRECTORY to another volume"
    raise OSError(message)
