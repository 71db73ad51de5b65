"""Times in the stack's time zone, everywhere as on a clock there.

The container runs in that zone (TZ), so that "today" begins at its midnight, and Druid computes in it (`sqlTimeZone` of
the connection). Superset knows no zones: it writes times without an offset, and shows what a clock in UTC would show.
Druid's answers have the zone's offset, and over a change of the clocks two of them, which no chart can draw. So here
they become what a clock in the zone shows, called UTC.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

GRAINS = ("PT1S", "PT5S", "PT30S", "PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT1H")
"""Superset's steps of time that are not longer than what the clocks are changed by."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(Z|[+-]\d\d:\d\d)")
"""A time as Druid writes it."""

Row = Sequence[Any]


def install(zone: str) -> None:
    """Make Superset's queries of Druid ask and answer in times on a clock in this zone."""
    from superset.db_engine_specs.druid import DruidEngineSpec  # noqa: PLC0415 - exists only with a configuration

    there = ZoneInfo(zone)
    write, read = DruidEngineSpec.convert_dttm.__func__, DruidEngineSpec.fetch_data.__func__

    def convert_dttm(cls: type, target_type: str, dttm: datetime, *args: Any, **kwargs: Any) -> Any:
        return write(cls, target_type, asked(dttm, there), *args, **kwargs)

    def fetch_data(cls: type, cursor: Any, *args: Any, **kwargs: Any) -> list[Row]:
        return shown(read(cls, cursor, *args, **kwargs))

    DruidEngineSpec.convert_dttm = classmethod(convert_dttm)
    DruidEngineSpec.fetch_data = classmethod(fetch_data)


def grains(zone: str) -> dict[str, str]:
    """Step of time to its expression, for TIME_GRAIN_ADDON_EXPRESSIONS.

    When the clocks go back, an hour of the day comes twice. In Druid these are two hours, on an axis one: only Druid
    can count the visitors of both together. In UTC there is none, and Superset's own expressions are faster.
    """
    if zone == "UTC":
        return {}
    clock = "TIME_FORMAT(TIME_FLOOR(CAST({{col}} AS TIMESTAMP), '{grain}'), 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''')"
    return {grain: clock.format(grain=grain) for grain in GRAINS}


def download(zone: str) -> dict[str, str]:
    """How a CSV file writes times, for CSV_EXPORT: what the clock shows, without calling it UTC."""
    return {} if zone == "UTC" else {"date_format": "%Y-%m-%d %H:%M:%S.%f"}


def asked(moment: datetime, zone: ZoneInfo) -> datetime:
    """The time to ask Druid for: on a clock in the zone and without an offset, as Druid reads it.

    Druid knows no time that the clocks leave out; "a day ago" may be one. The clock then shows one an offset later.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone).astimezone(UTC)
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def shown(rows: Sequence[Row]) -> list[Row]:
    """The rows of an answer, with what the clock shows. A column holds times if its first value is one."""
    firsts = (next((value for value in column if value is not None), None) for column in zip(*rows, strict=True))
    times = [number for number, first in enumerate(firsts) if isinstance(first, str) and _TIME.fullmatch(first)]
    if not times:
        return list(rows)
    found: list[Row] = []
    for row in rows:
        values = list(row)
        for number in times:
            if isinstance(values[number], str):
                values[number] = _TIME.sub(r"\1Z", values[number])
        found.append(tuple(values))
    return found
