"""The layout that a phone gets of a dashboard: the same charts, below each other."""

from typing import Any

import pytest

from infra.paths import SUPERSET_ASSETS
from infra.resources.superset.bundle import load_assets
from infra.resources.superset.layout import layout_issues
from services.superset.clickstream_superset.phone_layout import COLUMNS, stacked

LAYOUTS: dict[str, dict[str, Any]] = {
    str(item["slug"]): item["position"]
    for path, item in load_assets(SUPERSET_ASSETS).items()
    if path.startswith("dashboards/")
}


def items(position: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: item for name, item in position.items() if isinstance(item, dict) and item["type"] == kind}


@pytest.mark.parametrize("slug", LAYOUTS)
def test_every_chart_has_the_width_of_the_phone(slug: str) -> None:
    before, after = LAYOUTS[slug], stacked(LAYOUTS[slug])
    assert list(layout_issues(after)) == [], "Superset can draw it"
    for kind in ("CHART", "MARKDOWN"):
        assert items(after, kind).keys() == items(before, kind).keys()
    for row in items(after, "ROW").values():
        assert [after[name]["meta"]["width"] for name in row["children"]] == [COLUMNS]


def test_the_order_is_that_of_reading_column_by_column() -> None:
    def box(name: str, kind: str, *children: str, width: int = 6) -> tuple[str, dict[str, Any]]:
        return name, {"id": name, "type": kind, "children": list(children), "meta": {"width": width}}

    position = dict(
        [
            box("ROOT_ID", "ROOT", "GRID_ID"),
            box("GRID_ID", "GRID", "a"),
            box("a", "ROW", "left", "c3"),
            box("left", "COLUMN", "c1", "inner"),
            box("inner", "ROW", "c2"),
            *(box(name, "CHART") for name in ("c1", "c2", "c3")),
        ]
    )
    after = stacked(position)
    assert after["GRID_ID"]["children"] == ["a-0", "a-1", "a-2"]
    assert [after[row]["children"] for row in ("a-0", "a-1", "a-2")] == [["c1"], ["c2"], ["c3"]]
    assert after["c2"]["parents"] == ["ROOT_ID", "GRID_ID", "a-1"]
    assert "left" not in after


def test_a_dashboard_without_a_layout_stays_without() -> None:
    assert stacked({}) == {}
