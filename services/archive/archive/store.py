"""Where the files are: what a folder and a bucket have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from archive.bucket import BucketStore
from archive.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from archive.settings import Settings


class Store(Protocol):
    """Files by name, such as ``events/day=2026-11-28/x.parquet``. A file is there as a whole, or not at all.

    Every call raises StoreError if the store refuses or does not answer.
    """

    workspace: Path
    """Folder on this machine for files that are being written."""

    def publish(self, local: Path, name: str) -> None:
        """Move a finished file from the workspace to its name, replacing what is there."""

    def create(self, name: str, content: bytes) -> None:
        """Store a small file. NameTakenError if there is one of that name."""

    def read(self, name: str) -> bytes:
        """Return a small file. NotStoredError if there is none."""
        ...

    def open(self, name: str) -> Any:
        """Return a file as pyarrow reads it, without loading it as a whole. NotStoredError if there is none."""

    def files(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield name and bytes of every file whose name begins with a folder, such as ``events/``."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; those that are not there are no error."""


def make_store(settings: Settings) -> Store:
    """Return the one that the settings name."""
    return FolderStore(settings.folder) if settings.folder else BucketStore(settings)
