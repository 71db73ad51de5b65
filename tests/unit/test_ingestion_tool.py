"""The table of `make sample` and `make ingestion`."""

from typing import Any

from tools.ingestion import table

ROWS: list[dict[str, Any]] = [
    {"__time": 1, "country": "Norway", "path": "/" + "x" * 60},
    {"__time": 22, "country": None, "path": "/"},
]


def test_columns_stand_below_each_other_and_long_values_are_cut() -> None:
    lines = table(ROWS, ["__time", "country", "path"], 200)
    assert lines[0].split() == ["__time", "country", "path"]
    assert lines[2].startswith("1       Norway   /xxx")
    assert lines[2].endswith("x…")
    assert lines[3] == "22               /"


def test_columns_that_find_no_room_are_named() -> None:
    lines = table(ROWS, ["__time", "country", "path"], 20)
    assert lines[-1] == "also: path"
    assert all(len(line) <= 20 for line in lines)


def test_no_rows_are_a_table_of_titles() -> None:
    assert table([], ["task", "read"], 80) == ["task  read", "----  ----"]
