"""Changes to Superset's built front end, all of which the image build insists on."""

import re
from pathlib import Path

import pytest

from services.superset.clickstream_superset.front_end import CHANGES, MARKER, Change, apply

CODE = Change("a table", "html:!0", "html:!1", times=2)


def test_every_place_is_changed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("a;html:!0;b;html:!0")
    (tmp_path / "two.js").write_text("c")
    apply(tmp_path, (CODE,))
    assert (tmp_path / "one.js").read_text() == "a;html:!1;b;html:!1"
    assert (tmp_path / "two.js").read_text() == "c"


@pytest.mark.parametrize("text", ["", "html:!0", "html:!0 html:!0 html:!0"])
def test_another_release_of_superset_ends_the_build_with_the_place_and_changes_nothing(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "one.js").write_text(f"{text} known")
    with pytest.raises(ValueError, match=r"a table: .* has the code \d times, expected 2"):
        apply(tmp_path, (Change("known", "known", "changed"), CODE))
    assert (tmp_path / "one.js").read_text() == f"{text} known"


def test_a_file_that_is_linked_elsewhere_is_replaced_and_not_written_to(tmp_path: Path) -> None:
    cached = tmp_path / "cache"
    cached.write_text("html:!0 html:!0")
    (tmp_path / "one.js").hardlink_to(cached)
    apply(tmp_path, (CODE,))
    assert cached.read_text() == "html:!0 html:!0"


def test_no_change_undoes_another() -> None:
    for change in CHANGES:
        assert all(change.old not in other.new for other in CHANGES)


@pytest.mark.parametrize(
    "style",
    [
        "display:inline-block;margin-right:4px;border-radius:10px;width:10px;height:10px;background-color:#2f87d2;",
        "\n        display:inline-block;width:10px;height:10px;\n        border-radius:50%;"
        "background:#2f87d2;margin-right:5px",
        "\n        display:inline-block;width:10px;height:10px;\n        background:rgb(1, 2, 3);margin-right:5px",
        "\n        display:inline-block;width:0;height:0;\n        border-left:5px solid transparent;"
        "\n        border-right:5px solid transparent;"
        "\n        border-bottom:10px solid #1fa;\n        margin-right:5px",
        "\n        display:inline-block;width:8px;height:8px;\n        background:#1fa;"
        "transform: rotate(45deg) translateX(1px) translateY(-1px);\n        margin-right:5px",
    ],
)
def test_the_markers_of_charts_stay_markers(style: str) -> None:
    """As ECharts 5 and Superset write them."""
    assert re.match(MARKER, f'<span style="{style}"></span>name')


@pytest.mark.parametrize(
    "text",
    [
        '<span style="display:inline-block;position:fixed;width:10px"></span>',
        '<span style="display:inline-block;width:9999px;height:10px"></span>',
        '<span style="display:inline-block;background:url(//evil.example/p.gif)"></span>',
        '<span style="display:inline-block;width:10px" onclick="x"></span>',
        '<span style="display:inline-block;width:10px"><a href="//evil.example">x</a></span>',
    ],
)
def test_what_a_visitor_writes_like_a_marker_is_none(text: str) -> None:
    assert re.match(MARKER, text) is None
