"""The dashboards' numbers for a run: each chart's own query, limited to the run's visitors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from infra.resources.superset.client import SupersetClient
from visitors.druid import NONE
from visitors.ledger import DIMENSIONS, METRICS, TOTAL, Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

ROW_LIMIT = 10_000

_PEOPLE = {"subject": "kind", "operator": "==", "comparator": "person"}
"""The filter of charts that exclude bots, duplicates and corrupt events."""

SITE = "site_or_host"
"""The column of the dashboards' site filter."""


@dataclass(frozen=True)
class Shown:
    """A chart's numbers by value of its dimension, or in total (under TOTAL)."""

    chart: str
    dimension: str
    metric: str
    numbers: Mapping[str, int]
    known_only: bool = False
    """Whether the chart excludes missing values, as a map does for unknown countries."""
    site: str | None = None
    """The value of the dashboard's site filter, if set."""


@dataclass
class Dashboards:
    """The dashboards' numbers. `skipped` lists charts with data that runs do not contain."""

    shown: list[Shown] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def dimension_of(form: Mapping[str, Any]) -> str | None:
    """A chart's only dimension; TOTAL if it has none, or None if a ledger lacks it.

    Ignores a time axis, since sums over time must be equal.
    """
    names: list[Any] = []
    for key in ("groupby", "columns", "series", "entity", "x_axis"):
        given = form.get(key)
        names += given if isinstance(given, list) else [given] if given else []
    # Maps use country codes, but the run has country names.
    names = ["country" if name == "country_code" else name for name in names if name != "__time"]
    if not names:
        return TOTAL
    return names[0] if len(names) == 1 and names[0] in DIMENSIONS else None


def metrics_of(form: Mapping[str, Any]) -> list[str]:
    """The chart's saved metrics that also exist in a ledger."""
    given = [form.get("metric"), *(form.get("metrics") or [])]
    return [name for name in METRICS if name in given]


def own_filters(form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The chart's filters, except the time filter, which viewers choose."""
    return [each for each in form.get("adhoc_filters") or [] if each.get("operator") != "TEMPORAL_RANGE"]


def is_comparable(form: Mapping[str, Any], metrics: list[str]) -> bool:
    """Whether the chart counts everything that a ledger counts: its filters only exclude noise and uncounted events."""
    harmless = ["event_type"] if metrics == ["page_views"] else []
    others = [
        each for each in own_filters(form) if not (_asks_for_a_value(form, each) or each.items() >= _PEOPLE.items())
    ]
    return bool(metrics) and all(each.get("subject") in harmless for each in others)


def is_of_known_only(form: Mapping[str, Any]) -> bool:
    """Whether the chart excludes rows without a value in its entity column."""
    return any(_asks_for_a_value(form, each) for each in own_filters(form))


def _asks_for_a_value(form: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return given.get("operator") == "IS NOT NULL" and given.get("subject") == form.get("entity")


def query_of(
    form: Mapping[str, Any], dimension: str, metrics: list[str], ledger: Ledger, site: str | None = None
) -> dict[str, Any]:
    """A chart's query with its own filters, limited to the run's time and visitors and, if given, to `site`."""
    since = datetime.fromtimestamp(ledger.started_ms / 1000 - 60, UTC)
    until = datetime.fromtimestamp(ledger.ended_ms / 1000 + 600, UTC)
    if ledger.mode == "browsers":
        own = {"col": "party_id", "op": "IN", "val": ledger.parties or [""]}
    else:
        own = {"col": "party_id", "op": "LIKE", "val": ledger.pattern}
    filters: list[dict[str, Any]] = [
        # With an offset; otherwise Superset would interpret times in the stack's time zone.
        {"col": "__time", "op": "TEMPORAL_RANGE", "val": f"{_text(since)} : {_text(until)}"},
        own,
        {"col": _PEOPLE["subject"], "op": _PEOPLE["operator"], "val": _PEOPLE["comparator"]},
    ]
    filters += [
        {"col": each["subject"], "op": each["operator"], "val": each.get("comparator")} for each in own_filters(form)
    ]
    if site is not None:
        filters.append({"col": SITE, "op": "IN", "val": [site]})
    return {
        "columns": [] if dimension == TOTAL else [dimension],
        "metrics": metrics,
        "filters": filters,
        "row_limit": ROW_LIMIT,
    }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


@dataclass(frozen=True)
class Superset:
    """A Superset and the dashboards to compare."""

    url: str
    user: str
    password: str = field(repr=False)
    slugs: tuple[str, ...] = ("clickstream", "clickstream-analytics", "audience")
    insecure: bool = False

    def numbers(self, ledger: Ledger) -> Dashboards:
        """Query every chart of the dashboards, for all sites together and for each of the stack's sites.

        SupersetError if that fails.
        """
        found = Dashboards()
        transport = httpx.HTTPTransport(verify=not self.insecure)
        with SupersetClient(self.url, username=self.user, password=self.password, transport=transport) as client:
            client.login()
            for slug in self.slugs:
                for chart in client.charts(slug):
                    self._ask(client, slug, chart, ledger, found)
        return found

    def _ask(
        self, client: SupersetClient, slug: str, chart: Mapping[str, Any], ledger: Ledger, found: Dashboards
    ) -> None:
        form = chart["form_data"]
        name = f"{slug}: {chart['slice_name']}"
        dimension, metrics = dimension_of(form), metrics_of(form)
        if dimension is None or not is_comparable(form, metrics):
            found.skipped.append(name)
            return
        identifier, _, kind = str(form["datasource"]).partition("__")
        for site in (None, *sorted(ledger.by_site)):
            rows = client.chart_data(int(identifier), kind, query_of(form, dimension, metrics, ledger, site))
            for metric in metrics:
                numbers: dict[str, int] = {}
                for row in rows:
                    value = "all" if dimension == TOTAL else row[dimension]
                    if row[metric]:
                        numbers[NONE if value is None else str(value)] = round(row[metric])
                found.shown.append(Shown(name, dimension, metric, numbers, is_of_known_only(form), site))
