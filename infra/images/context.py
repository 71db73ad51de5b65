"""The build context of an image: services/, or a copy of it together with the user's files."""

import os
import shutil
import time
from pathlib import Path
from uuid import uuid4

from infra.images.source import CONTENT, ImageSource
from infra.paths import ROOT, SERVICES

CONTEXTS = Path(".cache") / "images"
"""Ignored by Git. Copies are named by the hash of their content, so runs at the same time share them."""

KEPT_SECONDS = 24 * 60 * 60


def context_of(source: ImageSource, root: Path = ROOT) -> str:
    """The context, relative to the checkout. Makes the copy if there is none yet.

    Older engines' builders take a single folder, and the user's files are not under services/.
    """
    if source.content is None:
        return SERVICES.relative_to(ROOT).as_posix()
    name = f"{source.name}-{source.content_hash(root / 'services')}"
    place = root / CONTEXTS / name
    if not place.exists():
        _copy(source, root, place)
    os.utime(place)
    _remove_old(source, place)
    return (CONTEXTS / name).as_posix()


def _copy(source: ImageSource, root: Path, place: Path) -> None:
    services = root / "services"
    # Renamed once it is complete, so that no other run reads half a copy.
    draft = place.with_name(f".{uuid4().hex}")
    copies = [(path, draft / path.relative_to(services)) for path in source.files(services)]
    copies += [(path, draft / source.folder / CONTENT / name) for name, path in source.content_files()]
    try:
        for path, copy in copies:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        draft.rename(place)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        # Not a failure if another run has made the copy meanwhile.
        if not place.exists():
            raise


def _remove_old(source: ImageSource, place: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for other in place.parent.glob(f"{source.name}-*"):
        if other != place and other.stat().st_mtime < oldest:
            shutil.rmtree(other, ignore_errors=True)
