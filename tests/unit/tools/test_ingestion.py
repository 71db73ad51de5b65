"""What `make sample` and `make ingestion` print."""

import re
from typing import Any

import pytest

from infra.config import StackConfig
from infra.platform.ingestion import TABLES, supervisor_spec
from infra.resources.druid.drops import drop_rules
from infra.resources.druid.segments import Cache, Loaded, Segments
from tests.support.stack_config import raw_config
from tools.ingestion import table
from tools.ingestion_segments import report

ROWS: list[dict[str, Any]] = [
    {"__time": 1, "country": "Norway", "path": "/" + "x" * 60},
    {"__time": 22, "country": None, "path": "/"},
]


def test_columns_stand_below_each_other_and_long_values_are_cut() -> None:
    lines = table(ROWS, ["__time", "country", "path"], 200)
    assert lines[0].split() == ["__time", "country", "path"]
    assert lines[2].startswith("1       Norway   /xxx")
    assert lines[2].endswith("x…")
    assert lines[3] == "22               /"


def test_columns_that_find_no_room_are_named() -> None:
    lines = table(ROWS, ["__time", "country", "path"], 20)
    assert lines[-1] == "also: path"
    assert all(len(line) <= 20 for line in lines)


def test_no_rows_are_a_table_of_titles() -> None:
    assert table([], ["task", "read"], 80) == ["task  read", "----  ----"]


@pytest.mark.parametrize(
    ("part", "changes", "told"),
    [
        ("ioConfig", {"lateMessageRejectionPeriod": "PT1H"}, "spec.ioConfig.lateMessageRejectionPeriod: .*PT1H"),
        ("ioConfig", {"earlyMessageRejectionPeriod": "PT1H"}, "spec.ioConfig.earlyMessageRejectionPeriod: .*PT1H"),
        (
            "ioConfig",
            {"lateMessageRejectionStartDateTime": "2026-01-01T00:00Z"},
            "spec.ioConfig.lateMessageRejectionStartDateTime: events before 2026-01-01",
        ),
        ("dataSchema", {"granularitySpec": {"intervals": ["2026/2027"]}}, "granularitySpec.intervals: .*2026/2027"),
        ("tuningConfig", {"maxParseExceptions": 3}, "spec.tuningConfig.maxParseExceptions: .*3 unparseable"),
    ],
)
def test_every_rule_by_which_druid_leaves_events_out_is_named(part: str, changes: dict[str, Any], told: str) -> None:
    config = StackConfig.parse("dev", raw_config("dev"))
    spec = supervisor_spec(TABLES[0], config.druid, config.kafka)
    assert list(drop_rules(spec)) == [], "the committed spec leaves nothing out"
    spec["spec"][part] |= changes
    assert len(rules := list(drop_rules(spec))) == 1
    assert re.search(told, rules[0])


def test_a_required_country_is_named_as_a_rule() -> None:
    config = StackConfig.parse("dev", raw_config("dev", druidRequireCountry=True))
    rules = list(drop_rules(supervisor_spec(TABLES[0], config.druid, config.kafka)))
    assert len(rules) == 1
    assert rules[0].startswith("spec.dataSchema.transformSpec.filter: ")
    assert "country" in rules[0]


LOADED = Segments(count=3, bytes=3 * 2**20, rows=3000, since="2026-09-01T00:00:00.000Z")
LOST = Segments(count=2, bytes=2 * 2**20, rows=0, since="2026-09-02T00:00:00.000Z")


def test_segments_that_no_server_has_loaded_are_reported_with_what_to_do() -> None:
    shown = report(Cache(9 * 2**30, 10 * 2**30), {"clickstream": Loaded(loaded=LOADED, missing=LOST)})
    assert "WARNING, over 80%: cache 90% full, 9.0 GiB of 10.0 GiB" in shown
    assert "MISSING: 2 segments of clickstream are loaded by no server (2.0 MiB, about 2000 rows" in shown
    assert LOST.since in shown
    assert "druidCacheGiB" in shown


def test_how_many_rows_are_missing_is_unknown_where_nothing_is_loaded() -> None:
    assert "an unknown number of rows" in report(Cache(0, 2**30), {"a": Loaded(loaded=None, missing=LOST)})


def test_a_druid_that_has_loaded_everything_says_how_full_it_is_and_no_more() -> None:
    shown = report(Cache(2**20, 10 * 2**30), {"clickstream": Loaded(loaded=LOADED, missing=None)})
    assert shown == "segments: cache 0% full, 1.0 MiB of 10.0 GiB"
    assert "no historical" in report(Cache(0, 0), {})
