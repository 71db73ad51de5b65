"""The interface of the archive's storage: a folder or a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from archive.bucket import BucketStore
from archive.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from archive.settings import Settings


class Store(Protocol):
    """Files by name, such as ``events/day=2026-11-28/x.parquet``. A file is complete or does not exist.

    Every call raises StoreError if the store rejects a request or does not answer.
    """

    workspace: Path
    """Local folder for files during writing."""

    def publish(self, local: Path, name: str) -> None:
        """Move a finished file from the workspace to its name. Replaces an existing file."""

    def create(self, name: str, content: bytes) -> None:
        """Store a small file. NameTakenError if the name exists."""

    def read(self, name: str) -> bytes:
        """Return a small file. NotStoredError if it does not exist."""
        ...

    def open(self, name: str) -> Any:
        """Return a file for pyarrow, without loading it completely. NotStoredError if it does not exist."""

    def files(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield name and size of every file below a folder, such as ``events/``."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Delete files. Missing files are no error."""


def make_store(settings: Settings) -> Store:
    """Return the configured store."""
    return FolderStore(settings.folder) if settings.folder else BucketStore(settings)
