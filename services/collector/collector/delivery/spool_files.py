"""Segments on disk. Blocking; the Spool calls it from its own thread, but for opening."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from collector.delivery.spool_cursor import CURSOR_FILE, CursorFile
from collector.delivery.spool_format import MAGIC, SpooledMessage, decode_payload, frames
from collector.disk import NO_SPACE, sync_directory, write_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from collector.delivery.spool_cursor import Cursor

log = structlog.get_logger(__name__)


class SpoolFullError(OSError):
    """The spool has reached its configured size."""


class SpoolFiles:
    """One spool directory: numbered segments, and a cursor that records what was replayed."""

    def __init__(self, directory: Path, segment_bytes: int, max_bytes: int) -> None:
        """Open the directory, cutting a torn tail. The caller holds its lock."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self.left_bytes = 0
        self.cut_bytes = 0
        self._sizes = segment_sizes(directory)
        self._with_refused: set[int] = set()
        self._descriptor: int | None = None
        self._current = 0
        for number in sorted(self._sizes):
            self._cut_tail(number)
        self._drop_empty()
        self._cursor_file = CursorFile(directory / CURSOR_FILE)
        self._drop_replayed()
        self._current = max(max(self._sizes, default=0), self.cursor[0]) + 1

    @property
    def cursor(self) -> Cursor:
        """Everything before it was replayed."""
        return self._cursor_file.cursor

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(self._sizes.copy().values())

    @property
    def pending_bytes(self) -> int:
        """Bytes that still are to be replayed. (Of a copy: another thread may ask.)"""
        return unreplayed_bytes(self._sizes.copy(), self.cursor)

    def append(self, data: bytes) -> None:
        """Write whole frames and sync them to the disk; on return they survive a crash.

        OSError (SpoolFullError at the configured size) when they could not be made safe. What was written of
        them is truncated; where even that fails, they may be replayed although they were never acknowledged.
        """
        self._check_room(len(data))
        try:
            descriptor = self._open_segment()
            write_all(descriptor, data)
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
                self._close_segment()
            self.advance((number + 1, 0))

    def advance(self, cursor: Cursor) -> None:
        """Everything before the cursor was replayed: remember it, and remove the segments that are done."""
        self._cursor_file.write(cursor)
        self._drop_replayed()

    def keep_refused(self, frame: bytes) -> None:
        """Keep a frame that Kafka refused for what it is, before the cursor passes it.

        On a full disk its whole segment is kept instead, which needs no room.
        """
        path = self._directory / "refused.frames"
        is_new = not path.exists()
        try:
            with path.open("ab") as file:
                file.write(MAGIC + frame if is_new else frame)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_directory(self._directory)
        except OSError as error:
            log.error("refused message stays in its segment", error=str(error))
            self._with_refused.add(min(number for number in self._sizes if number >= self.cursor[0]))

    def probe(self) -> None:
        """Check that the spool has room and the disk takes a small file; OSError when not."""
        # More than for one event: a spool that is all but full would be called healthy and full in turn.
        self._check_room(self._max_bytes // 10)
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

    def _check_room(self, size: int) -> None:
        if self.size + self.left_bytes + size > self._max_bytes:
            left = f", {self.left_bytes} more are left by other collectors," if self.left_bytes else ""
            message = f"the spool holds {self.size} bytes{left} and may hold {self._max_bytes}"
            raise SpoolFullError(message)

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}.log"

    def _open_segment(self) -> int:
        if self._descriptor is None:
            path = self._path(self._current)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            write_all(self._descriptor, MAGIC)
            sync_directory(self._directory)
            self._sizes[self._current] = len(MAGIC)
        return self._descriptor

    def _abandon_segment(self) -> None:
        """After a failed write: cut to what is known to be good, and continue in a new segment.

        A failed fsync leaves the state of the pages unknown, so the same file is not written to again.
        """
        size = self._sizes.get(self._current, 0)
        with suppress(OSError):
            if size > len(MAGIC) and self._descriptor is not None:
                os.ftruncate(self._descriptor, size)
            elif size <= len(MAGIC):
                # Nothing in it is acknowledged. On a full disk, every failed write would leave one more file.
                self._path(self._current).unlink(missing_ok=True)
                self._sizes.pop(self._current, None)
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
        if number == self._current:
            self._close_segment()
        self.cut_bytes += lost
        log.error("damaged spool segment set aside", path=str(aside), offset=position, bytes=lost)

    def _cut_tail(self, number: int) -> None:
        path = self._path(number)
        data = path.read_bytes()
        good = len(MAGIC) if data.startswith(MAGIC) else 0
        for _, end in frames(data, good) if good else ():
            good = end
        if good == len(data) and good:
            return
        torn = len(data) - good
        self._sizes[number] = good
        if torn:
            # The bytes are kept beside the segment: a torn tail was never acknowledged, but damage may have been.
            aside = path.with_suffix(f".{good}.damaged")
            self.cut_bytes += torn
            log.warning("torn spool tail cut", path=str(path), offset=good, bytes=torn)
            try:
                aside.write_bytes(data[good:])
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise
                # Replaying the good part is what makes room, so it must not wait for room.
                aside.unlink(missing_ok=True)
                log.error("no room to keep the torn bytes", path=str(path), bytes=torn)
        os.truncate(path, good)

    def _drop_empty(self) -> None:
        for number in [number for number, size in self._sizes.items() if size <= len(MAGIC)]:
            self._path(number).unlink()
            del self._sizes[number]

    def _drop_replayed(self) -> None:
        segment, offset = self.cursor
        if self._sizes.get(self._current) == offset and segment == self._current:
            self._close_segment()
        done = [
            number for number, size in self._sizes.items() if number < segment or (number == segment and offset >= size)
        ]
        for number in done:
            path = self._path(number)
            if number in self._with_refused:
                path.rename(path.with_suffix(".refused"))
            else:
                path.unlink(missing_ok=True)
            del self._sizes[number]


def segment_sizes(directory: Path) -> dict[int, int]:
    """Sizes of a slot's segments by number; none where there is no such directory."""
    sizes: dict[int, int] = {}
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.partition(".")
            if suffix == "log" and stem.isdigit():
                with suppress(FileNotFoundError):  # its owner removed it meanwhile
                    sizes[int(stem)] = entry.stat().st_size
    return sizes


def unreplayed_bytes(sizes: Mapping[int, int], cursor: Cursor) -> int:
    """Bytes from the cursor on, in segments of these sizes."""
    segment, offset = cursor
    return sum(
        max(0, size - max(len(MAGIC), offset if number == segment else 0))
        for number, size in sizes.items()
        if number >= segment
    )
