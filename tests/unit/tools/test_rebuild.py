"""Which days a rebuild takes, and what differs between the archive and Druid."""

from datetime import date

import pytest

from tools.rebuild import RebuildError, Span, differences, span

TODAY = date(2026, 2, 10)
ARCHIVED = {"2026-02-03": 5, "2026-02-10": 1}


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [
        (None, None, "2026-02-03/2026-02-10"),
        (date(2026, 2, 5), None, "2026-02-05/2026-02-10"),
        (None, date(2026, 2, 7), "2026-02-03/2026-02-07"),
        (None, date(2027, 1, 1), "2026-02-03/2026-02-10"),
    ],
)
def test_a_rebuild_takes_days_that_have_ended(first: date | None, end: date | None, expected: str) -> None:
    assert span(first, end, ARCHIVED, TODAY).interval == expected


@pytest.mark.parametrize(
    ("first", "archived", "message"),
    [
        (TODAY, ARCHIVED, "no day that has ended .* FROM"),
        (None, {"2026-02-10": 1}, "no day that has ended"),
        (None, {}, "the archive holds no events"),
    ],
)
def test_without_such_a_day_the_error_says_so(first: date | None, archived: dict[str, int], message: str) -> None:
    with pytest.raises(RebuildError, match=message):
        span(first, None, archived, TODAY)


def test_each_day_with_another_number_of_events_is_a_difference() -> None:
    days = Span(date(2026, 2, 3), date(2026, 2, 6))
    archived = {"2026-02-02": 9, "2026-02-03": 5, "2026-02-04": 2}
    assert differences(archived, {"2026-02-03": 5, "2026-02-04": 1, "2026-02-05": 3, "2026-02-06": 1}, days) == [
        "2026-02-04: 2 events in the archive, 1 rows in Druid",
        "2026-02-05: 0 events in the archive, 3 rows in Druid",
    ]
