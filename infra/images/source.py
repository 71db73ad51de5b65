"""What an image is built from, without Pulumi: its folders under services/, and a hash of their content."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.config.website import files_of
from infra.paths import SERVICES
from infra.versions import VERSIONS, build_args

COMMON = "common"
"""Folder of the package that the Python services share."""

SCHEMA = "schema"
"""Folder of the schemas that several services read."""

CONTENT = "content"
"""Subfolder of the image's folder in which the build finds the user's files."""

SHARED_MEBIBYTES = 111
"""Compressed size of the layers that images share: the base image, and the Java runtime of Kafka and Druid."""


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """An image's folder under services/, and the shared folders that its build reads as well."""

    name: str
    mebibytes: int
    """Compressed size of the layers that no other image shares, in a registry."""

    shared: tuple[str, ...] = ()
    uid: int = 10001
    """The user, and group, that the image's processes run as."""

    choices: tuple[tuple[str, str], ...] = ()
    """Names and values of build arguments other than the Dockerfile's defaults."""

    content: Path | None = None
    """Folder of the user's files, if the image contains them."""

    @property
    def folder(self) -> str:
        """Folders hold Python packages, so they use underscores where images use hyphens."""
        return self.name.replace("-", "_")

    def files(self, root: Path = SERVICES) -> list[Path]:
        """Every file of the build context, in a stable order."""
        ignored = {"__pycache__", "node_modules", "dist", "tests", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
        return sorted(
            path
            for folder in (self.folder, *self.shared)
            for path in (root / folder).rglob("*")
            if path.is_file() and not ignored & set(path.relative_to(root).parts)
        )

    def build_args(self, root: Path = SERVICES, versions: Mapping[str, str] = VERSIONS) -> dict[str, str]:
        """The versions that its Dockerfile uses, and the choices of this stack."""
        return build_args(root / self.folder / "Dockerfile", versions) | dict(self.choices)

    def content_files(self) -> list[tuple[str, Path]]:
        """Path within the folder and path on disk of each of the user's files, in a stable order."""
        folder = self.content
        return [] if folder is None else [(path.relative_to(folder).as_posix(), path) for path in files_of(folder)]

    def content_hash(self, root: Path = SERVICES, versions: Mapping[str, str] = VERSIONS) -> str:
        """Hash of versions, and of files' names, modes and contents; the same on every machine for the same commit."""
        digest = hashlib.sha256()
        named = [(path.relative_to(root).as_posix(), path) for path in self.files(root)]
        for name, path in named + [(f"{CONTENT}:{name}", path) for name, path in self.content_files()]:
            executable = bool(path.stat().st_mode & 0o100)
            digest.update(f"{name}\0{executable}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        for name, value in self.build_args(root, versions).items():
            digest.update(f"{name}\0{value}\0".encode())
        return digest.hexdigest()[:16]


def pushed_mebibytes(sources: Iterable[ImageSource]) -> int:
    """Size of these images in a registry, which stores shared layers once."""
    return SHARED_MEBIBYTES + sum(source.mebibytes for source in sources)
