"""The parts of a bundle of Superset assets: documents of four kinds, by path."""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
Assets = dict[str, Document]
"""From paths in the bundle, for example charts/by_country.yaml, to documents."""

KINDS = ("databases", "datasets", "charts", "dashboards")
"""Dependencies come first."""

VERSION = "1.0.0"


def kind_of(path: str) -> str:
    """The first folder of a path in the bundle. Only the KINDS are managed."""
    return path.partition("/")[0]


def uuids(assets: Mapping[str, Document], kind: str) -> dict[str, str]:
    """From UUIDs to paths, for the assets of one kind."""
    return {str(document.get("uuid")): path for path, document in assets.items() if kind_of(path) == kind}
