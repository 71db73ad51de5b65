"""A bundle of Superset assets in its three forms: files in a folder, documents, and the archive that Superset reads.

Documents have the form of Superset's own export. In a bundle's files every key may be left out whose value is
Superset's default (superset_normal_form.py).
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
# The safe loader in C where PyYAML has it: ten times as fast, and every preview reads the bundle.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BundleError(Exception):
    """A bundle that cannot be read; the message names the file."""


def load_assets(folder: Path) -> Assets:
    """Read a bundle's folder: every YAML file but metadata.yaml, which the archive always has.

    Raises:
        BundleError: the folder has no assets, or a file is not YAML or holds no mapping.
    """
    return dict(_parsed((path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in _files(folder)))


def from_archive(archive: bytes) -> Assets:
    """Read what Superset exported; the root folder is left out of the paths, themes and queries are not read."""
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        names = {name: name.partition("/")[2] for name in sorted(bundle.namelist())}
        wanted = ((path, bundle.read(name).decode()) for name, path in names.items() if kind_of(path) in KINDS)
        return dict(_parsed(wanted))


def to_archive(assets: Mapping[str, Document]) -> bytes:
    """The zip archive that Superset imports: every key filled in, so that nothing older stays, bytes always equal."""
    target = io.BytesIO()
    metadata = {"timestamp": "1980-01-01T00:00:00+00:00", "type": "assets", "version": VERSION}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, document in [(METADATA, metadata), *sorted(assets.items())]:
            entry = zipfile.ZipInfo(f"bundle/{path}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, to_yaml(document if path == METADATA else complete(path, document)))
    return target.getvalue()


def to_yaml(document: Mapping[str, Any]) -> str:
    """One form for every document: keys sorted, long lines, texts of several lines as they are read."""
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
        message = f"{folder} holds no assets: databases/, datasets/, charts/ and dashboards/ go there"
        raise BundleError(message)
    return files


def _parsed(texts: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Document]]:
    for path, text in texts:
        try:
            document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the safe ones
        except yaml.YAMLError as error:
            message = f"{path} is not YAML: {' '.join(str(error).split())}"
            raise BundleError(message) from None
        if not isinstance(document, dict):
            message = f"{path} holds {type(document).__name__}; a mapping is needed"
            raise BundleError(message)
        yield path, document
