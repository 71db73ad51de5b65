"""Changes to Superset's built front end, all of which the image build insists on."""

from pathlib import Path

import pytest

from services.superset.clickstream_superset.front_end import CHANGES, Change, apply

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
