"""Which minutes or hours a chart over time shows. Needs nothing of Superset's.

Druid returns a row only for a time in which something happened. With one such row a chart has nothing to draw a line
between, and ECharts makes an axis of two days of it.
"""

from datetime import datetime, timedelta

STEPS = {"1T": timedelta(minutes=1), "1H": timedelta(hours=1)}
"""Superset's names of the steps that a chart can be filled up by (`resample_rule`)."""

_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001 - without a zone, like all times here

SHORTEST = 30
"""Steps on the shortest axis, unless the time range is shorter still."""

LONGEST = 1500
"""Steps on the longest axis that is filled up: a day of minutes, two months of hours. More would be slow to draw."""


def axis(
    first: datetime | None,
    since: datetime | None,
    until: datetime | None,
    step: timedelta,
    now: datetime | None = None,
) -> tuple[datetime, datetime] | None:
    """The first and the last step of the axis; None where it would be too long. Times are local, without a zone.

    `first` is the first step with data, if there is one. `since` and `until` are the ends of the time range, if it
    has them: nothing is claimed of the time outside it, nor of the future.
    """
    now = now or datetime.now()  # noqa: DTZ005 - local time, like Superset's own
    end = _floor(min(until, now) - timedelta.resolution if until else now, step)
    start = end - (SHORTEST - 1) * step
    if since is not None:
        start = max(start, _floor(since, step))
    if first is not None:
        start = min(start, first)
        end = max(end, first)
    return None if start > end or (end - start) / step >= LONGEST else (start, end)


def _floor(time: datetime, step: timedelta) -> datetime:
    return time - (time - _MIDNIGHT) % step
