"""Local times of the stack's time zone, in queries to Druid and in its answers.

The container runs in that zone (TZ), so that "today" begins at local midnight, and Druid computes in it (`sqlTimeZone`
of the connection). Superset knows no time zones: it writes times without an offset, and shows times as if they were
UTC. Druid's answers carry the zone's offset, and two different ones around a change of the clocks, which no chart can
draw. So this module turns them into local times labelled as UTC.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

GRAINS = ("PT1S", "PT5S", "PT30S", "PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT1H")
"""Superset's time grains up to an hour. A change of the clocks repeats no longer ones."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(Z|[+-]\d\d:\d\d)")
"""A time as Druid writes it."""

Row = Sequence[Any]


def install(zone: str) -> None:
    """Make Superset ask Druid in local times of this zone, and read its answers as such."""
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
    """Time grain to its expression, for TIME_GRAIN_ADDON_EXPRESSIONS.

    When the clocks go back, one hour of the day comes twice. For Druid these are two hours, but an axis shows one: only
    Druid can count the distinct visitors of both together. UTC has no such hour, and there Superset's own expressions
    are faster.
    """
    if zone == "UTC":
        return {}
    clock = "TIME_FORMAT(TIME_FLOOR(CAST({{col}} AS TIMESTAMP), '{grain}'), 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''')"
    return {grain: clock.format(grain=grain) for grain in GRAINS}


def download(zone: str) -> dict[str, str]:
    """The format of times in CSV files, for CSV_EXPORT: local times, not labelled as UTC."""
    return {} if zone == "UTC" else {"date_format": "%Y-%m-%d %H:%M:%S.%f"}


def asked(moment: datetime, zone: ZoneInfo) -> datetime:
    """The time to ask Druid for: local time of the zone, without an offset, as Druid reads it.

    "A day ago" may be a local time that the clocks skip, which Druid does not know. It becomes the time that the clocks
    show instead: 03:30 for a skipped 02:30.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone).astimezone(UTC)
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def shown(rows: Sequence[Row]) -> list[Row]:
    """The rows of an answer, with local times. A column holds times if its first value that is not null is one."""
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
