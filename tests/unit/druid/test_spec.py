"""The supervisor spec: what Druid would swallow or refuse is found first, with its place."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from infra.config import ConfigError, DruidConfig, StackConfig
from infra.platform.ingestion import COMPACTION_FILE, HAS_COUNTRY, TABLES, Table, retention_rules, supervisor_spec
from infra.platform.kafka import bootstrap_servers
from infra.resources.druid.model_issues import model_issues
from infra.resources.druid.retention_model import Compaction, rule_issues
from infra.resources.druid.spec import CONSUMER_LIMITS, avro_fields, dimensions, issues
from tests.support.stack_config import raw_config

KAFKA = StackConfig.parse("dev", raw_config("dev")).kafka
EVENTS, DEAD_LETTERS = TABLES
SPEC: dict[str, Any] = json.loads(EVENTS.file.read_text())
DATA, IO, TUNING = "spec.dataSchema", "spec.ioConfig", "spec.tuningConfig"
LISTED = f"{DATA}.dimensionsSpec.dimensions"
CUT = f"{DATA}.granularitySpec"
GONE = object()
SUM_OF_NOTHING = {"type": "longSum", "name": "a", "fieldName": "b"}
UNKNOWN_FIELD = {"type": "not", "field": {"type": "null", "column": "country", "columns": []}}
NO_BOT = {"type": "equals", "column": "is_bot", "matchValueType": "LONG", "matchValue": 0}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The committed spec with one value set, or removed if it is GONE."""
    spec = copy.deepcopy(SPEC)
    *parents, last = path.split(".")
    node: Any = spec
    for part in parents:
        node = node[int(part) if isinstance(node, list) else part]
    if value is GONE:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return spec


def settings(**changes: Any) -> DruidConfig:
    return StackConfig.parse("dev", raw_config("dev", **changes)).druid


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_committed_spec_fills_its_table_with_every_field_of_its_schema_and_has_no_mistake(table: Table) -> None:
    spec = supervisor_spec(table, settings(), KAFKA)
    assert issues(spec, table.schema) == []
    assert json.loads(table.file.read_text()) == spec, "the file says what a stack without settings of its own runs"
    assert spec["spec"]["dataSchema"]["dataSource"] == table.name
    assert {*dimensions(spec), "timestamp"} == set(avro_fields(table.schema)), "a field is a column, or the time"


def test_a_spec_is_checked_against_the_schema_of_its_own_records() -> None:
    told = dict(issues(supervisor_spec(DEAD_LETTERS, settings(), KAFKA), EVENTS.schema))
    assert told[f"{LISTED}[0]"] == "`stage` is not a field of clickstream.avsc, and no transform creates it"
    spec = json.loads(DEAD_LETTERS.file.read_text())
    del spec["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"][2]
    assert issues(spec, DEAD_LETTERS.schema) == [
        (LISTED, "`reason` of dead_letter.avsc would be lost; list it, or name it in dimensionExclusions")
    ]


@pytest.mark.parametrize(
    ("path", "value", "place", "reason"),
    [
        # Structure.
        ("type", "kinesis", "type", "'kafka'"),
        ("spec", GONE, "spec", "missing"),
        (f"{IO}.inputFormat", GONE, f"{IO}.inputFormat", "missing"),
        (f"{IO}.topic", GONE, f"{IO}.topic", "missing"),
        (f"{IO}.topic", {}, f"{IO}.topic", "a map given"),
        (f"{IO}.taskCount", "many", f"{IO}.taskCount", "'many' given"),
        (f"{IO}.completionTimeout", "PT15M", f"{IO}.completionTimeout", "handoffConditionTimeout (15 minutes)"),
        (f"{IO}.taskDuration", "1 hour", f"{IO}.taskDuration", "ISO 8601 period"),
        (f"{IO}.inputFormat", {"type": "csv"}, f"{IO}.inputFormat.type", "json, kafka are allowed"),
        (f"{IO}.inputFormat.type", GONE, f"{IO}.inputFormat.type", "missing; json, kafka are allowed"),
        (f"{LISTED}.3.type", GONE, f"{LISTED}[3].type", "missing; string, "),
        (f"{DATA}.timestampSpec", GONE, f"{DATA}.timestampSpec", "missing"),
        (f"{TUNING}.type", "kinesis", f"{TUNING}.type", "'kafka'"),
        # Fields that Druid does not know, at every level.
        ("suspend", True, "suspend", "did you mean suspended?"),
        ("spec.tuning", {}, "spec.tuning", "unknown"),
        (f"{DATA}.dimensionSpec", {}, f"{DATA}.dimensionSpec", "unknown"),
        (f"{DATA}.timestampSpec.colum", "x", f"{DATA}.timestampSpec.colum", "unknown"),
        (f"{DATA}.granularitySpec.granularity", "DAY", f"{DATA}.granularitySpec.granularity", "unknown"),
        (f"{DATA}.transformSpec.filters", [], f"{DATA}.transformSpec.filters", "unknown"),
        (f"{DATA}.transformSpec.filter", UNKNOWN_FIELD, f"{DATA}.transformSpec.filter.field.columns", "unknown"),
        (f"{LISTED}.3.dimension", "x", f"{LISTED}[3].dimension", "unknown"),
        (f"{IO}.taskDurations", "PT1H", f"{IO}.taskDurations", "unknown"),
        (f"{IO}.useEarliestOffsets", True, f"{IO}.useEarliestOffsets", "unknown"),
        (f"{IO}.inputFormat.flatten", {}, f"{IO}.inputFormat.flatten", "unknown"),
        (f"{TUNING}.maxRowInMemory", 5, f"{TUNING}.maxRowInMemory", "unknown"),
        (f"{TUNING}.maxParseException", 5, f"{TUNING}.maxParseException", "did you mean maxParseExceptions?"),
        # Columns and their types.
        (f"{LISTED}.48.name", "contry", f"{LISTED}[48]", "`contry` is not a field"),
        (f"{LISTED}.0.type", "string", f"{LISTED}[0]", "for Avro long it must be long"),
        (f"{LISTED}.3.type", "lng", f"{LISTED}[3].type", "'lng' given"),
        (f"{LISTED}.4", "country", f"{LISTED}[28]", "listed twice"),
        (f"{LISTED}.4", "country", LISTED, "`party_id` of clickstream.avsc would be lost"),
        (f"{DATA}.metricsSpec", [SUM_OF_NOTHING], f"{DATA}.metricsSpec[0].fieldName", "'b'"),
        # Meaning.
        (f"{DATA}.timestampSpec.column", "ts", f"{DATA}.timestampSpec.column", "'ts' given"),
        (f"{DATA}.timestampSpec.format", "iso", f"{DATA}.timestampSpec.format", "millis or auto"),
        (f"{CUT}.segmentGranularity", "DAYS", f"{CUT}.segmentGranularity", "DAY,"),
        (f"{CUT}.segmentGranularity", "none", f"{CUT}.segmentGranularity", "millisecond"),
        (f"{CUT}.queryGranularity", "MONTH", f"{CUT}.queryGranularity", "coarser"),
        (f"{CUT}.rollup", True, f"{CUT}.rollup", "must be false"),
        (f"{IO}.useEarliestOffset", False, f"{IO}.useEarliestOffset", "skipped"),
        (f"{IO}.useEarliestOffset", GONE, f"{IO}.useEarliestOffset", "skipped"),
        (f"{IO}.consumerProperties", {}, f"{IO}.consumerProperties", "bootstrap.servers"),
        (f"{TUNING}.maxSavedParseExceptions", 0, f"{TUNING}.maxSavedParseExceptions", "at least 1"),
        (f"{TUNING}.resetOffsetAutomatically", True, f"{TUNING}.resetOffsetAutomatically", "skipped"),
    ],
)  # fmt: skip
def test_what_druid_would_accept_or_refuse_is_found_with_its_place(
    path: str, value: Any, place: str, reason: str
) -> None:
    found = issues(changed(path, value))
    assert any(where == place and reason in why for where, why in found), found


def test_one_mistake_is_told_once() -> None:
    assert len(issues(changed(f"{LISTED}.3.type", "lng"))) == 1


def test_rolled_back_records_are_never_read() -> None:
    consumer = {"bootstrap.servers": "k:1", "isolation.level": "read_uncommitted", **CONSUMER_LIMITS}
    spec = changed(f"{IO}.consumerProperties", consumer)
    assert [place for place, _ in issues(spec)] == [f"{IO}.consumerProperties.isolation.level"]


@pytest.mark.parametrize("name", CONSUMER_LIMITS)
@pytest.mark.parametrize("value", [None, 0, "5", 10**9])
def test_what_a_task_fetches_is_bounded(name: str, value: Any) -> None:
    consumer = {"bootstrap.servers": "k:1", **CONSUMER_LIMITS, name: value}
    ((place, reason),) = issues(changed(f"{IO}.consumerProperties", consumer))
    assert place == f"{IO}.consumerProperties.{name}"
    assert f"1 to {CONSUMER_LIMITS[name]} is allowed" in reason


def test_every_event_is_kept_unless_the_stack_requires_a_country() -> None:
    for table in TABLES:
        assert "filter" not in supervisor_spec(table, settings(), KAFKA)["spec"]["dataSchema"]["transformSpec"]
    required = settings(druidRequireCountry=True)
    spec = supervisor_spec(EVENTS, required, KAFKA)
    assert spec["spec"]["dataSchema"]["transformSpec"]["filter"] == HAS_COUNTRY
    assert issues(spec) == []
    letters = supervisor_spec(DEAD_LETTERS, required, KAFKA)
    assert "filter" not in letters["spec"]["dataSchema"]["transformSpec"], "dead letters have no country"


def test_a_required_country_stands_beside_the_filter_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    file.write_text(json.dumps(changed(f"{DATA}.transformSpec.filter", NO_BOT)))
    spec = supervisor_spec(EVENTS, settings(druidRequireCountry=True), KAFKA, file)
    both = {"type": "and", "fields": [NO_BOT, HAS_COUNTRY]}
    assert spec["spec"]["dataSchema"]["transformSpec"]["filter"] == both
    assert issues(spec) == []


def test_a_transform_makes_a_column_and_an_exclusion_gives_one_up() -> None:
    spec = changed(f"{DATA}.transformSpec.transforms", [{"type": "expression", "name": "day", "expression": "1"}])
    listed = spec["spec"]["dataSchema"]["dimensionsSpec"]
    given_up = listed["dimensions"][-1]["name"]
    listed["dimensions"][-1] = {"type": "long", "name": "day"}
    listed["dimensionExclusions"] = [given_up]
    assert issues(spec) == []


def test_parts_that_are_merged_are_not_compressed() -> None:
    """Their number has no bound, and to read a compressed column takes 64 KiB of direct memory."""
    tunings = [json.loads(table.file.read_text())["spec"]["tuningConfig"] for table in TABLES]
    for tuning in [*tunings, json.loads(COMPACTION_FILE.read_text())["tuningConfig"]]:
        parts = tuning["indexSpecForIntermediatePersists"]
        assert parts == {"dimensionCompression": "uncompressed", "metricCompression": "none"}


def test_a_stack_sets_task_count_and_duration() -> None:
    for table, tasks in ((EVENTS, 3), (DEAD_LETTERS, 1)):
        spec = supervisor_spec(table, settings(druidTaskCount=3, druidTaskDuration="PT10M"), KAFKA)
        made = spec["spec"]["ioConfig"]
        assert (made["taskCount"], made["taskDuration"], made["topic"]) == (tasks, "PT10M", table.topic)


def test_ingestion_asks_every_broker() -> None:
    three = KAFKA.model_copy(update={"kafka_brokers": 3})
    made = supervisor_spec(EVENTS, settings(), three)["spec"]["ioConfig"]
    assert made["consumerProperties"]["bootstrap.servers"] == bootstrap_servers(three)
    assert bootstrap_servers(three).count(",") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{\n\n  no\n}", "line 3"),
        ('{"type": "kafka", "type": "kafka"}', "`type` occurs twice"),
        ("[]", "a JSON object is expected"),
    ],
)
def test_a_file_that_is_no_json_object_is_named_with_the_place(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"broken.json.*{told}"):
        supervisor_spec(EVENTS, settings(), KAFKA, file)


def test_a_spec_without_its_parts_is_left_to_the_check(tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text("{}")
    assert issues(supervisor_spec(EVENTS, settings(), KAFKA, file)) == [("spec", "missing"), ("type", "missing")]


def test_retention_keeps_the_days_that_the_stack_sets_or_everything() -> None:
    for days, kinds in ((0, ["loadForever"]), (30, ["loadByPeriod", "dropForever"])):
        rules = retention_rules(settings(druidRetentionDays=days))
        assert [rule["type"] for rule in rules] == kinds
        assert rule_issues(rules) == []
    assert retention_rules(settings(druidRetentionDays=30))[0]["period"] == "P30D"


@pytest.mark.parametrize(
    ("rules", "place", "reason"),
    [
        ([], "rules", "the last must be"),
        ([{"type": "loadByPeriod", "period": "P1D"}], "rules", "the last must be"),
        ([{"type": "loadForever"}, {"type": "dropForever"}], "rules[1]", "never reached"),
        ([{"type": "loadForever", "tier": "hot"}], "rules[0].tier", "unknown"),
        ([{"type": "keepForever"}], "rules[0].type", "loadForever"),
        ([{"type": "dropBeforeByPeriod", "period": "30 days"}, {"type": "loadForever"}], "rules[0].period", "ISO 8601"),
    ],
)
def test_rules_that_do_something_else_than_they_say_are_refused(
    rules: list[dict[str, Any]], place: str, reason: str
) -> None:
    assert any(where == place and reason in why for where, why in rule_issues(rules))


def test_the_committed_compaction_has_no_mistake_and_a_typo_in_it_is_found() -> None:
    config = json.loads(COMPACTION_FILE.read_text())
    assert model_issues(Compaction, {**config, "dataSource": "a"}) == []
    found = model_issues(Compaction, {**config, "dataSource": "a", "skipOffsetFromLast": "P1D"})
    assert [place for place, _ in found] == ["skipOffsetFromLast"]
