"""Which events were seen before: a table in a memory-mapped file, so that it outlives the process.

The file is written by the kernel whatever happens to the process, `kill -9` included; only a crash of the
machine can lose its last seconds. An entry is 48 bits of the event's hash and the minute it was stored in.
"""

from __future__ import annotations

import mmap
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import mmh3
import structlog

from collector.disk import NO_SPACE
from collector.enrich.allocated_map import map_allocated

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)
WAYS: Final = 4
"""Places an entry can be in, newest first; when all are taken, the oldest makes room."""
_MINUTES: Final = 1 << 16
_MINUTE_MASK: Final = _MINUTES - 1
_EMPTY: Final = (0,) * (WAYS - 1)
_ENTRY: Final = struct.Struct("=Q")
_SET: Final = struct.Struct(f"={WAYS}Q")


class DuplicateMemory:
    """Remembers confirmed events for a window of time, and those that are in flight.

    With the default of 2**20 slots the table takes 8 MiB; beyond that many events in a window, the oldest are
    forgotten first (within their set of four). A false alarm has a chance below 1 in 10**13 a look-up.
    """

    def __init__(self, slots: int, window_seconds: int, file: Path | None = None) -> None:
        """A table of that many slots (rounded up to a power of two), kept in the file or only in memory.

        A file of another size is replaced. On a full disk the table is only in memory: what the file knows is
        known, but what comes is forgotten at the end of the process. OSError when the file cannot be used.
        """
        sets = 1 << max(0, (slots // WAYS - 1).bit_length())
        size = sets * WAYS * 8
        self._mask = sets - 1
        self._window = -(-window_seconds // 60)
        self.is_on_disk = file is not None
        if file is None:
            self._map = mmap.mmap(-1, size)
        else:
            try:
                self._map = map_allocated(file, size)
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise
                log.error("no room for the table of duplicates: it is only in memory", error=str(error))
                self.is_on_disk = False
                self._map = mmap.mmap(-1, size)
                with suppress(FileNotFoundError), file.open("rb") as kept:
                    kept.readinto(self._map)
        self._in_flight: set[int] = set()

    def check(self, party: str | None, session: str | None, event: str) -> tuple[int, bool]:
        """The event's signature, and whether it is in flight or was confirmed within the window.

        A new event counts as in flight from now on, until `confirm` or `forget`.
        """
        signature: int = mmh3.hash64(f"{party}\0{session}\0{event}", signed=False)[0]
        in_flight = self._in_flight
        if signature in in_flight:
            return signature, True
        wanted = signature >> 16
        for entry in _SET.unpack_from(self._map, (signature & self._mask) * _SET.size):
            if not entry:
                break
            if entry >> 16 == wanted:
                age = (int(time.time()) // 60 - entry) & _MINUTE_MASK
                if age <= self._window:
                    return signature, True
                break
        in_flight.add(signature)
        return signature, False

    def is_confirmed(self, signature: int) -> bool:
        """Whether no copy of the event is in flight, which could still fail."""
        return signature not in self._in_flight

    def confirm(self, signature: int) -> None:
        """The event is durable: remember it."""
        self._in_flight.discard(signature)
        now = int(time.time()) // 60 & _MINUTE_MASK
        wanted = signature >> 16
        place = (signature & self._mask) * _SET.size
        entries = _SET.unpack_from(self._map, place)
        if not entries[0] or entries[0] >> 16 == wanted:
            _ENTRY.pack_into(self._map, place, wanted << 16 | now)
            return
        # Newest first. One copy of 32 bytes, so that a kill can hardly leave half a set.
        kept = [entry for entry in entries if entry >> 16 != wanted][: WAYS - 1]
        self._map[place : place + _SET.size] = _SET.pack(wanted << 16 | now, *kept, *_EMPTY[len(kept) :])

    def forget(self, signature: int) -> None:
        """The event could not be made durable: the sender will send it again, and that is no duplicate."""
        self._in_flight.discard(signature)

    def close(self) -> None:
        """Release the file."""
        self._map.close()
