"""The axis of a chart over time, whatever Druid has rows for."""

# ruff: noqa: DTZ001 - every time here is UTC, without a zone as in Superset

from datetime import datetime, timedelta

import pytest

from services.superset.clickstream_superset.time_axis import LONGEST, SHORTEST, STEPS, axis

MINUTE, HOUR = STEPS["1T"], STEPS["1H"]
NOW = datetime(2026, 3, 1, 12, 0, 30)


def at(hour: int, minute: int, day: int = 1) -> datetime:
    return datetime(2026, 3, day, hour, minute)


@pytest.mark.parametrize(
    ("what", "first", "since", "until", "step", "expected"),
    [
        ("one minute of a day", at(11, 59), at(12, 0) - timedelta(days=1), NOW, MINUTE, (at(11, 31), at(12, 0))),
        ("a minute long ago", at(7, 0), at(12, 0) - timedelta(days=1), NOW, MINUTE, (at(7, 0), at(12, 0))),
        ("a short time range", at(11, 58), at(11, 56), NOW, MINUTE, (at(11, 56), at(12, 0))),
        ("a range that ends at a full minute", at(11, 58), at(11, 56), at(12, 0), MINUTE, (at(11, 56), at(11, 59))),
        ("no time range", at(11, 59), None, None, MINUTE, (at(11, 31), at(12, 0))),
        ("a range that ends tomorrow", at(11, 59), at(11, 0), at(12, 0, day=2), MINUTE, (at(11, 31), at(12, 0))),
        ("no rows", None, at(0, 0), NOW, MINUTE, (at(11, 31), at(12, 0))),
        ("hours", at(12, 0), at(12, 0) - timedelta(days=7), NOW, HOUR, (at(12, 0) - 29 * HOUR, at(12, 0))),
    ],
)
def test_an_axis_has_steps_enough_and_never_leaves_the_time_range(
    what: str,
    first: datetime | None,
    since: datetime | None,
    until: datetime | None,
    step: timedelta,
    expected: tuple[datetime, datetime],
) -> None:
    assert axis(first, since, until, step, now=NOW) == expected, what


def test_an_axis_that_would_be_too_long_is_not_filled_up() -> None:
    last = at(12, 0)
    assert axis(last - (LONGEST - 1) * MINUTE, None, None, MINUTE, now=NOW) is not None
    assert axis(last - LONGEST * MINUTE, None, None, MINUTE, now=NOW) is None
    assert SHORTEST < LONGEST


def test_a_time_range_in_the_future_has_no_axis() -> None:
    assert axis(None, at(0, 0, day=2), at(0, 0, day=3), MINUTE, now=NOW) is None
