"""Writes README.md's table of settings from Pulumi.yaml.

The comment above the table lists its settings by group; the table ends at `<!-- end -->`. A row has a setting's name,
its default, and the first sentence of its description.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUP: Final = re.compile(r"^(\S.*): (.*(?:\n +.*)*)", re.MULTILINE)
"""Title and settings of a group; further lines of settings are indented."""
_TABLE: Final = re.compile(r"(<!-- settings\n(.*?)\n-->\n).*?(<!-- end -->)", re.DOTALL)
_PAGE: Final = re.compile(r"docs/([\w-]+)\.md(?:#([\w-]+))?")
_LONGEST_LIST: Final = 3


def with_settings(document: str, declared: Mapping[str, dict[str, Any]]) -> str:
    """The text with its table of settings filled in. ValueError if it has none, or if it names an unknown key."""
    found = _TABLE.search(document)
    if found is None:
        message = "no table of settings between `<!-- settings` and `<!-- end -->`"
        raise ValueError(message)
    lines = ["| setting | default | |", "|---|---|---|"]
    for title, keys in _GROUP.findall(found[2]):
        lines += [f"| **{title}** | | |", *(_row(key, declared) for key in keys.split())]
    table = "\n".join(lines)
    return f"{document[: found.start()]}{found[1]}{table}\n{found[3]}{document[found.end() :]}"


def _row(key: str, declared: Mapping[str, dict[str, Any]]) -> str:
    if key not in declared:
        message = f"Pulumi.yaml declares no setting {key!r}"
        raise ValueError(message)
    sentence = str(declared[key]["description"]).partition(". ")[0].replace("|", r"\|")
    return f"| `{key}` | {_default(declared[key]['default'])} | {_PAGE.sub(_link, sentence)} |"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        items = [f"`{item}`" for item in value]
        return f"{len(items)} entries" if len(items) > _LONGEST_LIST else ", ".join(items) or "none"
    return f"`{value}`" if isinstance(value, str) and value else str(value) or "none"


def _link(page: re.Match[str]) -> str:
    text = (page[2] or page[1]).replace("-", " ")
    return f"[{text}]({page[0]})"
