"""How far the spool was replayed, on disk."""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)
_SLOT: Final = struct.Struct(">QQQI")  # turn, segment, offset, CRC-32 of the three
_SLOT_BYTES: Final = 512
CURSOR_FILE: Final = "cursor"

Cursor = tuple[int, int]
"""Number of a segment, and an offset in it: everything before was replayed."""


class StoredCursor(NamedTuple):
    """What a cursor file holds: the newest cursor, how often it was written, and how many copies are damaged."""

    cursor: Cursor
    turn: int
    damaged: int


def read_cursor(data: bytes) -> StoredCursor:
    """The newest undamaged cursor of a cursor file's bytes; the start of the spool when there is none."""
    cursor, newest, damaged = (0, 0), 0, 0
    for start in (0, _SLOT_BYTES):
        slot = data[start : start + _SLOT.size]
        if len(slot) < _SLOT.size or not any(slot):
            continue
        turn, segment, offset, checksum = _SLOT.unpack(slot)
        if zlib.crc32(slot[:-4]) != checksum:
            damaged += 1
        elif turn > newest:
            newest, cursor = turn, (segment, offset)
    return StoredCursor(cursor, newest, damaged)


class CursorFile:
    """Two slots that are written in turn, in place: one survives a torn write, and a full disk is no obstacle.

    (A new file with a rename would need room, just when replaying is what makes room.)
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file. OSError when there is no room for it."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            data = os.pread(self._descriptor, 2 * _SLOT_BYTES, 0)
            self.cursor, self._turn, damaged = read_cursor(data)
            if damaged and not self._turn:
                # Never garbage, and nothing lost: what was replayed is replayed again.
                log.warning("unreadable spool cursor: replaying every segment", path=str(path))
            if len(data) < 2 * _SLOT_BYTES:
                os.pwrite(self._descriptor, data.ljust(2 * _SLOT_BYTES, b"\0"), 0)
                os.fsync(self._descriptor)
        except OSError:
            os.close(self._descriptor)
            raise

    def write(self, cursor: Cursor) -> None:
        """Remember it, also over a crash of the machine. OSError when the disk fails."""
        self._turn += 1
        head = _SLOT.pack(self._turn, *cursor, 0)[:-4]
        os.pwrite(self._descriptor, head + zlib.crc32(head).to_bytes(4, "big"), self._turn % 2 * _SLOT_BYTES)
        os.fdatasync(self._descriptor)
        self.cursor = cursor

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
