"""A bundle of Superset assets in its three forms: files in a folder, documents, and the archive that Superset reads.

Documents have the format of Superset's own export. A bundle's files may omit every key whose value is Superset's
default (normal_form.py).
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.resources.superset.documents import KINDS, VERSION, Assets, Document, kind_of
from infra.resources.superset.normal_form import complete

METADATA = "metadata.yaml"
# The safe loader in C is ten times as fast, and every preview reads the bundle.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BundleError(Exception):
    """A bundle cannot be read. The message names the file."""


def load_assets(folder: Path) -> Assets:
    """Read a bundle's folder: every YAML file except metadata.yaml, which `to_archive` adds.

    Raises:
        BundleError: the folder has no assets, or a file is not YAML or not a mapping.
    """
    return dict(_parsed((path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in _files(folder)))


def from_archive(archive: bytes) -> Assets:
    """Read Superset's export, without the root folder in the paths, and without themes and queries."""
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        names = {name: name.partition("/")[2] for name in sorted(bundle.namelist())}
        wanted = ((path, bundle.read(name).decode()) for name, path in names.items() if kind_of(path) in KINDS)
        return dict(_parsed(wanted))


def to_archive(assets: Mapping[str, Document]) -> bytes:
    """The zip archive that Superset imports. Every key is set, so that the import leaves no older value."""
    target = io.BytesIO()
    metadata = {"timestamp": "1980-01-01T00:00:00+00:00", "type": "assets", "version": VERSION}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, document in [(METADATA, metadata), *sorted(assets.items())]:
            entry = zipfile.ZipInfo(f"bundle/{path}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, to_yaml(document if path == METADATA else complete(path, document)))
    return target.getvalue()


def to_yaml(document: Mapping[str, Any]) -> str:
    """A document's only YAML form: sorted keys, long lines, and multi-line texts as block scalars."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def _files(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*.yaml")) if kind_of(path.relative_to(folder).as_posix()) in KINDS]
    if not files:
        message = f"{folder} contains no assets; they belong in databases/, datasets/, charts/ and dashboards/"
        raise BundleError(message)
    return files


def _parsed(texts: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Document]]:
    for path, text in texts:
        try:
            document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
        except yaml.YAMLError as error:
            message = f"{path} is not YAML: {' '.join(str(error).split())}"
            raise BundleError(message) from None
        if not isinstance(document, dict):
            message = f"{path} contains {type(document).__name__}; it must be a mapping"
            raise BundleError(message)
        yield path, document
