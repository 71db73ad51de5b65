"""A file mapped into memory, with room on the disk for every page of it.

A write to a mapped page that gets no room on the disk ends the process (SIGBUS). So all room is taken beforehand, where
a full disk is an error that can be handled.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def map_allocated(file: Path, size: int) -> mmap.mmap:
    """Map the file; one of another size is replaced by an empty one. OSError when there is no room for it.

    Collectors that share the directory share the file, also when they start at the same time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        descriptor = _open_allocated(file, size)
    finally:
        os.close(lock)
    try:
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def _open_allocated(file: Path, size: int) -> int:
    if file.exists() and file.stat().st_size == size:
        return _allocated(file, os.O_RDWR, size)  # an older version may have left it sparse
    # Not the old file cut to size: whoever has it mapped would be ended by SIGBUS.
    new = file.with_suffix(".new")
    try:
        descriptor = _allocated(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, size)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    new.replace(file)
    return descriptor


def _allocated(file: Path, flags: int, size: int) -> int:
    descriptor = os.open(file, flags | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
