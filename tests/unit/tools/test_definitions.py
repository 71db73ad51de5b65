"""A metric is described once: docs/metrics.md and the charts say what the dataset says."""

import re
from typing import Any

import pytest

from infra.paths import ROOT, SUPERSET_ASSETS
from infra.resources.superset.bundle import load_assets
from tools.definitions import with_definitions, with_description, with_metrics_of

ASSETS = load_assets(SUPERSET_ASSETS)
CHARTS = {path: item for path, item in ASSETS.items() if path.startswith("charts/")}
DATASETS = {str(item["table_name"]): item for path, item in ASSETS.items() if path.startswith("datasets/")}
DOCUMENT = (ROOT / "docs" / "metrics.md").read_text()
SESSIONS: dict[str, Any] = {"metric_name": "sessions", "description": "Sessions are visits.", "expression": "COUNT(*)"}
TABLE: dict[str, Any] = {
    "uuid": "1",
    "metrics": [SESSIONS],
    "columns": [{"column_name": "channel", "description": "The channel is the way."}],
}


def test_a_block_gets_the_sentence_and_the_sql_of_the_dataset() -> None:
    document = "a\n<!-- metric: t.sessions -->\nold\n<!-- end -->\nb\n<!-- column: t.channel -->\n<!-- end -->\n"
    filled = (
        "a\n<!-- metric: t.sessions -->\n> Sessions are visits.\n\n```sql\nCOUNT(*)\n```\n<!-- end -->\n"
        "b\n<!-- column: t.channel -->\n> The channel is the way.\n<!-- end -->\n"
    )
    assert with_definitions(document, {"t": TABLE}) == filled
    assert with_definitions(filled, {"t": TABLE}) == filled


@pytest.mark.parametrize("name", ["metric: t.visits", "metric: u.sessions", "column: t.sessions"])
def test_a_block_of_something_unknown_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name.replace(": ", " ")):
        with_definitions(f"<!-- {name} -->\n<!-- end -->", {"t": TABLE})


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("Other. Here: by day. People only: no bots.", "Sessions are visits. Here: by day. People only: no bots."),
        ("Something else. People only: no bots.", "Sessions are visits. People only: no bots."),
        ("Here: by browser.", "Sessions are visits. Here: by browser."),
        ("Something else.", "Sessions are visits."),
    ],
)  # fmt: skip
def test_a_chart_keeps_its_own_words_and_gets_the_metrics(given: str, wanted: str) -> None:
    for metric in ({"metric": "sessions"}, {"metrics": ["sessions"]}):
        chart = {"dataset_uuid": "1", "params": metric, "description": given}
        assert with_description(chart, {"t": TABLE})["description"] == wanted


def test_a_chart_of_several_metrics_is_described_by_hand() -> None:
    chart = {"dataset_uuid": "1", "params": {"metrics": ["sessions", "visitors"]}, "description": "Both."}
    assert with_description(chart, {"t": TABLE}) == chart


def test_a_query_of_the_table_describes_the_same_metric_alike() -> None:
    other = {**SESSIONS, "expression": "SUM(sessions)", "description": "Its own."}
    assert with_metrics_of(TABLE, {"metrics": [{**SESSIONS, "description": "x"}]})["metrics"] == [SESSIONS]
    assert with_metrics_of(TABLE, {"metrics": [other]})["metrics"] == [other]


def test_every_metric_of_a_dataset_is_one_sentence() -> None:
    for table, dataset in DATASETS.items():
        for metric in dataset["metrics"]:
            assert re.fullmatch(r"[^.]*(\.[^ .][^.]*)*\.", metric["description"]), f"{table}.{metric['metric_name']}"


def test_no_chart_computes_a_metric_of_its_own() -> None:
    for path, chart in CHARTS.items():
        params = chart["params"]
        names = [params.get("metric"), params.get("size"), *(params.get("metrics") or ())]
        of_dataset = {
            metric["metric_name"]
            for dataset in DATASETS.values()
            if dataset["uuid"] == chart["dataset_uuid"]
            for metric in dataset["metrics"]
        }
        assert {name for name in names if name} <= of_dataset, path


@pytest.mark.parametrize(
    ("metric", "parts"),
    [
        ("pages_per_session", ("page_views", "sessions")),
        ("engaged_per_session", ("sessions",)),
        ("engaged_per_view", ("page_views",)),
        ("returning_visitors", ("unique_visitors", "new_visitors")),
        ("bot_share", ("bots", "events")),
        ("duplicate_share", ("duplicates", "events")),
        ("corrupt_share", ("corrupt", "events")),
    ],
)
def test_a_metric_made_of_others_counts_as_they_do(metric: str, parts: tuple[str, ...]) -> None:
    """Druid's SQL cannot refer to another metric, so the text is repeated."""
    expressions = {item["metric_name"]: item["expression"] for item in DATASETS["clickstream"]["metrics"]}
    for part in parts:
        assert expressions[part] in expressions[metric], part


@pytest.mark.parametrize(
    "term",
    ["Visitor", "New visitor", "Returning visitor", "Session", "Page view", "Bounce", "Entry", "Exit", "Engaged time",
     "Scroll depth", "Channel", "Campaign", "Conversion"],
)  # fmt: skip
def test_the_document_defines_the_term_and_compares_it(term: str) -> None:
    section = re.split(r"^## ", DOCUMENT.partition(f"\n## {term}\n")[2], flags=re.MULTILINE)[0]
    assert "\n> " in section
    assert "| GA4 | Matomo | Plausible |" in section


def test_the_document_lists_every_channel() -> None:
    listed = set(re.findall(r"^\| ([A-Z][\w -]*?) \| ", DOCUMENT.partition("## Channel")[2], flags=re.MULTILINE))
    examples = (ROOT / "tests" / "unit" / "collector" / "channels.csv").read_text().splitlines()
    assert {line.rpartition(",")[2] for line in examples if not line.startswith("#")} <= listed
