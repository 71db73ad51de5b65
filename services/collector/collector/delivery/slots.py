"""Slots: directories of one spool, so that several collectors can share a volume. The lock of a slot is its owner's.

The kernel releases the lock when its process ends, however it ends. A slot without an owner can still hold events:
its collector was killed, or stopped while Kafka was away.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from collector.delivery.spool_cursor import CURSOR_FILE, read_cursor
from collector.delivery.spool_files import segment_sizes, unreplayed_bytes
from collector.disk import sync_directory

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)
_SLOTS: Final = 64


class Slot(NamedTuple):
    """A slot that this process owns, until it closes `lock`, a file descriptor."""

    directory: Path
    lock: int


class SlotContent(NamedTuple):
    """What a slot holds, and whether a running process owns it."""

    directory: Path
    size: int
    pending_bytes: int
    is_owned: bool


def take_slot(root: Path) -> Slot:
    """A free slot below the root, created if needed. One with events of a collector that is gone is taken first.

    OSError when the directory cannot be used, or every slot has an owner.
    """
    if not root.exists():
        root.mkdir(parents=True, exist_ok=True)
        sync_directory(root.parent)
    slots = sorted(_slots(root), key=lambda slot: not segment_sizes(slot))  # stable: lowest number first in each half
    for directory in slots:
        if not directory.exists():
            directory.mkdir(exist_ok=True)
            sync_directory(root)
        slot = lock_slot(directory)
        if slot is not None:
            return slot
    message = f"all {_SLOTS} spool slots below {root} are in use; set COLLECTOR_SPOOL_DIRECTORY to another volume"
    raise OSError(message)


def lock_slot(directory: Path) -> Slot | None:
    """The slot, if no process owns it."""
    lock = _lock(directory, fcntl.LOCK_EX)
    return None if lock is None else Slot(directory, lock)


def other_slots(root: Path, own: Path | None) -> list[SlotContent]:
    """Slots that hold segments, without our own and those that cannot be read."""
    found: list[SlotContent] = []
    for directory in _slots(root):
        if directory == own:
            continue
        try:
            content = _content(directory)
        except OSError as error:
            log.error("a slot of the spool cannot be read", slot=directory.name, error=str(error))
        else:
            found += [content] if content.size else []
    return found


def _content(directory: Path) -> SlotContent:
    sizes = segment_sizes(directory)
    if not sizes:
        return SlotContent(directory, 0, 0, is_owned=False)
    cursor_file = directory / CURSOR_FILE
    cursor = read_cursor(cursor_file.read_bytes() if cursor_file.exists() else b"").cursor
    # A shared lock: two collectors that look at the same time do not take each other for the owner.
    lock = _lock(directory, fcntl.LOCK_SH)
    if lock is not None:
        os.close(lock)
    return SlotContent(directory, sum(sizes.values()), unreplayed_bytes(sizes, cursor), is_owned=lock is None)


def _slots(root: Path) -> list[Path]:
    return [root / f"slot-{number:02d}" for number in range(_SLOTS)]


def _lock(directory: Path, kind: int) -> int | None:
    """A descriptor that holds the lock; None when another process has it."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
