"""README.md's table of settings repeats Pulumi.yaml."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infra.paths import ROOT
from tools.settings_table import with_settings

DECLARED: dict[str, Any] = {
    "port": {"default": 8000, "description": "Published port, see docs/the-page.md#a-b. Change it | once"},
    "secure": {"default": False, "description": "Whether it is encrypted"},
    "tiers": {"default": ["one", "two"], "description": "Names; empty | for all"},
    "hosts": {"default": [], "description": "Hosts"},
    "domains": {"default": ["a", "b", "c", "d"], "description": "Domains"},
    "name": {"default": "", "description": "Name"},
}
EMPTY = "above\n<!-- settings\nEdge: port secure\n  tiers\nOthers: hosts domains name\n-->\n<!-- end -->\nbelow\n"
TABLE = """\
| setting | default | |
|---|---|---|
| **Edge** | | |
| `port` | 8000 | Published port, see [a b](docs/the-page.md#a-b) |
| `secure` | false | Whether it is encrypted |
| `tiers` | `one`, `two` | Names; empty \\| for all |
| **Others** | | |
| `hosts` | none | Hosts |
| `domains` | 4 entries | Domains |
| `name` | none | Name |
"""


def test_the_table_has_each_setting_with_its_default_and_first_sentence() -> None:
    filled = EMPTY.replace("<!-- end -->", f"{TABLE}<!-- end -->")
    assert with_settings(EMPTY, DECLARED) == filled
    assert with_settings(filled, DECLARED) == filled


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="no setting 'secure'"):
        with_settings(EMPTY, {"port": DECLARED["port"]})


def test_a_text_without_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no table of settings"):
        with_settings("above\nbelow\n", DECLARED)


def test_the_pages_that_descriptions_name_exist() -> None:
    links = re.findall(r"docs/([\w-]+\.md)(?:#([\w-]+))?", (ROOT / "Pulumi.yaml").read_text())
    broken = [(page, heading) for page, heading in links if heading not in {"", *_anchors(page)}]
    assert links
    assert broken == []


def _anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
