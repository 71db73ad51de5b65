"""Zeros where nothing happened, in place of "No results" and of charts that stay blank.

Druid answers with the rows that it has. Superset draws nothing where there is none, although the answer to "how many?"
is 0 then.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from clickstream_superset.time_axis import STEPS, axis

_COUNT = re.compile(r"\s*(COALESCE\s*\(\s*)?(COUNT|SUM|APPROX_COUNT_DISTINCT\w*)\s*\(", re.IGNORECASE)
"""How an expression begins whose value is 0 without rows. Shares, ages and quantiles have no value then."""


def install() -> None:
    """Add zeros to the answers of queries."""
    from superset.common.query_object import QueryObject  # noqa: PLC0415 - exists only with a configuration
    from superset.connectors.sqla.models import SqlaTable  # noqa: PLC0415

    ask, process = SqlaTable.query, QueryObject.exec_post_processing

    def query(self: Any, query_object: dict[str, Any]) -> Any:
        result = ask(self, query_object)
        if result.df.empty and not result.error_message:
            result.df = _row_of_zeros(self, query_object, result.df)
        return result

    def exec_post_processing(self: Any, df: Any) -> Any:
        operations = self.post_processing
        self.post_processing, df = _filled_up(self, df)
        try:
            return process(self, df)
        finally:
            self.post_processing = operations

    SqlaTable.query = query
    QueryObject.exec_post_processing = exec_post_processing


def _row_of_zeros(dataset: Any, query: Mapping[str, Any], empty: Any) -> Any:
    """One row where the query asks for one number of each metric, in all or over time."""
    from pandas import DataFrame  # noqa: PLC0415 - tests that need no Superset have no pandas

    metrics = query.get("metrics") or []
    columns = [*(query.get("columns") or ()), *(query.get("groupby") or ())]  # the second: charts of Superset's old API
    times = [column["label"] for column in columns if isinstance(column, Mapping) and _is_time(column)]
    if not metrics or len(columns) != len(times):
        return empty
    expressions = {metric.metric_name: metric.expression for metric in dataset.metrics}
    row: dict[str, Any] = {
        metric: 0 if _COUNT.match(expressions.get(metric) or "") else None
        for metric in metrics
        if isinstance(metric, str)
    }
    if len(row) != len(metrics) or (times and None in row.values()):
        return empty
    for time in times:
        ends = axis(None, query.get("from_dttm"), query.get("to_dttm"), STEPS["1T"])
        if ends is None:
            return empty
        row[time] = ends[1].strftime("%Y-%m-%dT%H:%M:%S.000Z")  # as Druid writes a time
    return DataFrame([row])


def _is_time(column: Mapping[str, Any]) -> bool:
    return column.get("columnType") == "BASE_AXIS" and bool(column.get("timeGrain"))


def _filled_up(query: Any, df: Any) -> tuple[list[dict[str, Any]], Any]:
    """The operations and the rows of a query, with both ends of the axis where it is to be filled up."""
    operations = query.post_processing
    options = {item["operation"]: item.get("options") or {} for item in operations if item.get("operation")}
    fill, pivot = options.get("resample", {}), options.get("pivot", {})
    step, times = STEPS.get(fill.get("rule")), pivot.get("index") or []
    if step is None or len(times) != 1 or times[0] not in df:
        return operations, df
    (time,) = times
    first = df[time].min().to_pydatetime().replace(tzinfo=None)
    ends = axis(first, query.from_dttm, query.to_dttm, step)
    if ends is None:  # too long: only what there is
        return [item for item in operations if item.get("operation") != "resample"], df
    return operations, _with_times(df, time, ends, dict.fromkeys(pivot.get("aggregates") or {}, fill.get("fill_value")))


def _with_times(df: Any, time: str, added: Iterable[datetime], values: Mapping[str, Any]) -> Any:
    """The rows, and one for each time that has none: of a series that is there, so that no name is new."""
    from pandas import DataFrame, Timestamp, concat  # noqa: PLC0415

    zone = df[time].dt.tz
    wanted = {Timestamp(moment, tz=zone) for moment in added} - set(df[time])
    if not wanted:
        return df
    like = df.iloc[0].to_dict()
    rows = DataFrame([{**like, **values, time: moment} for moment in sorted(wanted)])
    return concat([df, rows.astype({time: df[time].dtype})], ignore_index=True)
