"""Local times of the stack's zone: what Druid is asked for, and how its answers are read."""

# ruff: noqa: DTZ001 - times without a zone, like those of Superset

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.superset.clickstream_superset.local_time import asked, download, grains, shown

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("what", "moment", "expected"),
    [
        ("summer", datetime(2026, 7, 1, 10), datetime(2026, 7, 1, 10)),
        ("winter", datetime(2026, 12, 1), datetime(2026, 12, 1)),
        ("with an offset, summer", datetime(2026, 7, 1, 10, tzinfo=UTC), datetime(2026, 7, 1, 12)),
        ("with an offset, winter", datetime(2026, 12, 1, 23, 30, tzinfo=UTC), datetime(2026, 12, 2, 0, 30)),
        ("skipped by the clocks", datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 3, 30)),
        ("repeated by the clocks", datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 2, 30)),
        ("the second of the two", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 2, 30)),
    ],
)
def test_druid_is_asked_for_existing_local_times(what: str, moment: datetime, expected: datetime) -> None:
    found = asked(moment, VIENNA)
    assert (found, found.tzinfo, found.fold) == (expected, None, 0), what


def test_a_column_of_times_has_one_offset_across_a_change_of_the_clocks() -> None:
    rows = [
        (None, "2026-10-25T00:00:00.000+02:00", 1),
        ("2026-10-25T00:00:00.000+02:00 is part of a text", "2026-10-26T00:00:00.000+01:00", 2),
        ("x", None, 3),
        ("x", "2026-01-01T00:00:00.000Z", 4),
    ]
    assert shown(rows) == [
        (None, "2026-10-25T00:00:00.000Z", 1),
        ("2026-10-25T00:00:00.000+02:00 is part of a text", "2026-10-26T00:00:00.000Z", 2),
        ("x", None, 3),
        ("x", "2026-01-01T00:00:00.000Z", 4),
    ]


def test_answers_without_times_or_rows_are_unchanged() -> None:
    assert shown([]) == []
    assert shown([("a", 1), (None, None)]) == [("a", 1), (None, None)]


def test_in_utc_superset_keeps_its_own_expressions() -> None:
    assert grains("UTC") == {}
    assert download("UTC") == {}
    assert "P1D" not in grains("Europe/Vienna"), "a day never comes twice"
