"""What a bundle of Superset assets is made of: documents by path, four kinds of them."""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
Assets = dict[str, Document]
"""Path in the bundle, for example charts/by_country.yaml, to the document."""

KINDS = ("databases", "datasets", "charts", "dashboards")
"""Dependencies come first."""

VERSION = "1.0.0"


def kind_of(path: str) -> str:
    """The folder of a path in the bundle: databases, datasets, charts or dashboards; another is not managed."""
    return path.partition("/")[0]


def uuids(assets: Mapping[str, Document], kind: str) -> dict[str, str]:
    """UUID to path of the assets of one kind."""
    return {str(document.get("uuid")): path for path, document in assets.items() if kind_of(path) == kind}
