"""Writes that survive a crash, and how to tell a full disk from a broken one."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors of a disk that is full: it may have room again later."""


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; a single write may take fewer."""
    written = 0
    while written < len(data):
        written += os.write(descriptor, data[written:])


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a crash, as fsync does for a file's content."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
