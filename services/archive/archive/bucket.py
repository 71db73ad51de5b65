"""An archive in an S3-compatible bucket. An object becomes visible once its upload is complete."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import obstore
import pyarrow as pa  # type: ignore[import-untyped]
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from archive.errors import NameTakenError, NotStoredError, StartError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.settings import Settings

_PART_BYTES: Final = 8 * 1024 * 1024
_DELETED_AT_ONCE: Final = 1000
"""S3's limit."""


class BucketStore:
    """See `store.Store`."""

    def __init__(self, settings: Settings) -> None:
        """Connects on the first request. StartError if the file with the secret key can't be read."""
        self._folder = tempfile.TemporaryDirectory(prefix="archive-")
        self.workspace = Path(self._folder.name)
        limit = timedelta(seconds=settings.bucket_timeout_seconds)
        self._store = S3Store(
            settings.bucket,
            prefix=settings.bucket_prefix or None,
            region=settings.bucket_region,
            virtual_hosted_style_request=False,  # every server supports path style
            **_endpoint(settings),
            **_key(settings),
            client_options={"timeout": limit, "connect_timeout": timedelta(seconds=10), "allow_http": True},
            # The archive retries by itself and logs each retry.
            retry_config={"max_retries": 2, "retry_timeout": limit},
        )

    def publish(self, local: Path, name: str) -> None:
        """Upload. Large files go in parts, to limit memory."""
        with _as_store_error(name):
            obstore.put(self._store, name, local, chunk_size=_PART_BYTES, max_concurrency=2)
        local.unlink()

    def create(self, name: str, content: bytes) -> None:
        """Upload, unless the object exists."""
        with _as_store_error(name):
            obstore.put(self._store, name, content, mode="create")

    def read(self, name: str) -> bytes:
        """Download it."""
        with _as_store_error(name):
            return bytes(obstore.get(self._store, name).bytes())

    def open(self, name: str) -> Any:
        """Download the object to an anonymous temporary file, which is deleted when closed."""
        local = self.workspace / uuid.uuid4().hex
        try:
            with _as_store_error(name), local.open("wb") as file:
                for part in obstore.get(self._store, name).stream(min_chunk_size=_PART_BYTES):
                    file.write(part)
            return pa.OSFile(str(local), "rb")
        finally:
            local.unlink(missing_ok=True)

    def files(self, prefix: str) -> Iterator[tuple[str, int]]:
        """List the bucket page by page."""
        with _as_store_error(prefix):
            for page in obstore.list(self._store, prefix.rstrip("/")):
                for item in page:
                    yield item["path"], item["size"]

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects, many per request."""
        left = list(names)
        for start in range(0, len(left), _DELETED_AT_ONCE):
            with _as_store_error(left[start]), contextlib.suppress(NotFoundError):
                obstore.delete(self._store, left[start : start + _DELETED_AT_ONCE])


def _endpoint(settings: Settings) -> dict[str, Any]:
    return {"endpoint": settings.bucket_endpoint} if settings.bucket_endpoint else {}


def _key(settings: Settings) -> dict[str, Any]:
    if settings.bucket_secret_key_file is None:
        return {}
    try:
        secret = settings.bucket_secret_key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{settings.bucket_secret_key_file}: the bucket's secret key can't be read: {error.strerror}"
        raise StartError(message) from error
    return {"access_key_id": settings.bucket_access_key, "secret_access_key": secret}


@contextlib.contextmanager
def _as_store_error(name: str) -> Iterator[None]:
    try:
        yield
    except AlreadyExistsError as error:
        raise NameTakenError(name) from error
    except (NotFoundError, FileNotFoundError) as error:
        raise NotStoredError(name) from error
    except (BaseError, OSError) as error:
        # Only the first line: the rest repeats the whole request and response.
        message = f"{name}: {str(error).splitlines()[0][:500]}"
        raise StoreError(message) from error
