"""Copies the description of a metric from its dataset into docs/metrics.md and the charts that show the metric.

docs/metrics.md has blocks for metrics and columns, from `<!-- metric: clickstream.sessions -->` to `<!-- end -->`,
which this module fills in. The description of a chart with one metric begins with the metric's description. After it,
`Here:` explains what is special about the chart, and `People only:` whom it counts. Both are written by hand.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOCK: Final = re.compile(r"<!-- (metric|column): (\w+)\.(\w+) -->\n.*?<!-- end -->", re.DOTALL)
_OWN: Final = re.compile(r"(?:^|(?<= ))(?:Here|People only):")
"""Start of the chart's own text."""


def with_definitions(document: str, datasets: Mapping[str, dict[str, Any]]) -> str:
    """The text with every block filled in. ValueError if a dataset has no such metric or column."""

    def block(found: re.Match[str]) -> str:
        kind, table, name = found.groups()
        key = f"{kind}_name"
        entry = next((item for item in datasets.get(table, {}).get(f"{kind}s", ()) if item[key] == name), None)
        if entry is None or not entry.get("description"):
            message = f"there is no {kind} {table}.{name} with a description"
            raise ValueError(message)
        quoted = [f"> {line}" for line in _wrapped(entry["description"])]
        lines = [f"<!-- {kind}: {table}.{name} -->", *quoted]
        if kind == "metric":
            lines += ["", "```sql", *_wrapped(entry["expression"]), "```"]
        return "\n".join([*lines, "<!-- end -->"])

    return _BLOCK.sub(block, document)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)


def with_description(chart: dict[str, Any], datasets: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The chart. If it has exactly one metric, its description starts with the metric's."""
    params = chart["params"]
    wanted = [params["metric"]] if params.get("metric") else params.get("metrics") or []
    if len(wanted) != 1:
        return chart
    dataset = next(item for item in datasets.values() if item["uuid"] == chart["dataset_uuid"])
    sentence = next(item["description"] for item in dataset["metrics"] if item["metric_name"] == wanted[0])
    given = str(chart.get("description") or "")
    own = _OWN.search(given)
    rest = given[own.start() :] if own is not None else ""
    return {**chart, "description": f"{sentence} {rest}".strip()}


def with_metrics_of(table: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """A query's dataset. Metrics with the same name and expression as in the table get the table's description."""
    defined = {metric["metric_name"]: metric for metric in table["metrics"]}
    metrics = [
        defined[metric["metric_name"]]
        if defined.get(metric["metric_name"], {}).get("expression") == metric["expression"]
        else metric
        for metric in query["metrics"]
    ]
    return {**query, "metrics": metrics}
