"""An archive in a folder. Files are flushed to the disk before they get their names: none is ever half there."""

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
"""In the folder itself: a rename works within one file system only. Readers that look for files skip its dot."""


class FolderStore:
    """See `store.Store`."""

    def __init__(self, root: Path) -> None:
        """Use the folder. StartError if it can't be written to."""
        self._root = root
        self.workspace = root / _WORKSPACE
        try:
            self.workspace.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{root}: can't be written to: {error}; give this user the folder, or name another one"
            raise StartError(message) from error

    def publish(self, local: Path, name: str) -> None:
        """Flush and rename."""
        target = self._root / name
        with _as_store_error(name):
            _flush(local)
            self._make_folder(target.parent)
            local.replace(target)
            _flush(target.parent)

    def create(self, name: str, content: bytes) -> None:
        """Write beside, then link: unlike a rename, a link does not replace."""
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
        """Open it; pyarrow reads parts of it as it needs them."""
        with _as_store_error(name):
            return pa.OSFile(str(self._root / name), "rb")

    def files(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Walk the folder."""
        with _as_store_error(prefix):
            for path in sorted((self._root / prefix).rglob("*")):
                if path.is_file():
                    yield path.relative_to(self._root).as_posix(), path.stat().st_size

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, and the folders that they leave empty."""
        for name in names:
            path = self._root / name
            with _as_store_error(name):
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # not empty
                    for folder in list(path.relative_to(self._root).parents)[:-2]:
                        (self._root / folder).rmdir()

    def _make_folder(self, folder: Path) -> None:
        """Make a folder that a power cut does not take away again."""
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
