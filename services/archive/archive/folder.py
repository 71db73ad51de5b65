"""An archive in a folder. Files are flushed to disk before they get their names, so none is ever incomplete."""

from __future__ import annotations

import contextlib
import os
import uuid
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]

from archive.errors import NameTakenError, NotStoredError, StartError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_WORKSPACE: Final = ".incoming"
"""Within the folder, since a rename works on one file system only. The leading dot hides it from readers."""


class FolderStore:
    """See `store.Store`."""

    def __init__(self, root: Path) -> None:
        """Open the folder. StartError if it is not writable."""
        self._root = root
        self.workspace = root / _WORKSPACE
        try:
            self.workspace.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{root}: not writable: {error}; make this user the folder's owner, or set another folder"
            raise StartError(message) from error

    def publish(self, local: Path, name: str) -> None:
        """Flush, then rename."""
        target = self._root / name
        with _as_store_error(name):
            _flush(local)
            self._make_folder(target.parent)
            local.replace(target)
            _flush(target.parent)

    def create(self, name: str, content: bytes) -> None:
        """Write a temporary file, then link it: unlike a rename, a link never replaces a file."""
        target, local = self._root / name, self.workspace / uuid.uuid4().hex
        with _as_store_error(name):
            self._make_folder(target.parent)
            try:
                with local.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                target.hardlink_to(local)
            finally:
                local.unlink(missing_ok=True)
            _flush(target.parent)

    def read(self, name: str) -> bytes:
        """Read it."""
        with _as_store_error(name):
            return (self._root / name).read_bytes()

    def open(self, name: str) -> Any:
        """Open the file. pyarrow reads parts of it as needed."""
        with _as_store_error(name):
            return pa.OSFile(str(self._root / name), "rb")

    def files(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Walk the folder."""
        with _as_store_error(prefix):
            for path in sorted((self._root / prefix).rglob("*")):
                if path.is_file():
                    yield path.relative_to(self._root).as_posix(), path.stat().st_size

    def delete(self, names: Iterable[str]) -> None:
        """Delete files and folders that become empty."""
        for name in names:
            path = self._root / name
            with _as_store_error(name):
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # not empty
                    for folder in list(path.relative_to(self._root).parents)[:-2]:
                        (self._root / folder).rmdir()

    def _make_folder(self, folder: Path) -> None:
        """Create a folder so that it survives a power cut."""
        missing = [folder, *folder.parents][: len(folder.relative_to(self._root).parts)]
        for one in reversed([path for path in missing if not path.exists()]):
            one.mkdir(exist_ok=True)
            _flush(one.parent)


def _flush(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _as_store_error(name: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise NameTakenError(name) from error
    except FileNotFoundError as error:
        raise NotStoredError(name) from error
    except OSError as error:
        message = f"{name}: {error.strerror or error}"
        raise StoreError(message) from error
