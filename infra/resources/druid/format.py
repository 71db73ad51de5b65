"""What Druid reads, and what is wrong in JSON meant for it, as paths with reasons.

schema.json is written by `make schemas` from Druid's own classes. It has the names and types of all properties. What
only the code of a constructor checks, Druid's classes do not tell: that is written here by hand.
"""

from pathlib import Path
from typing import Any

from infra.resources.common.json_schema import JsonSchema, Mistake, join

ValidationIssue = tuple[str, str]
"""Path, such as spec.ioConfig.topic, and reason."""

FILE = Path(__file__).parent / "schema.json"


def _at_least(least: int, *names: str) -> dict[str, Any]:
    return {name: {"minimum": least} for name in names}


def _required(*names: str) -> dict[str, Any]:
    return {"required": list(names)}


_NAME = (
    *("AutoTypeColumnSchema:auto", "DoubleDimensionSchema:double", "FloatDimensionSchema:float"),
    *("LongDimensionSchema:long", "NestedDataColumnSchema:json", "StringDimensionSchema:string"),
)
_MATCH = ("column", "matchValueType")
_SCALAR = ["string", "number", "boolean"]
"""Of a value to compare with, which Jackson makes text of."""
_TIERS: dict[str, Any] = {
    "properties": {"tieredReplicants": {"additionalProperties": {"type": "integer", "minimum": 0}}}
}
_ROWS = ("maxRowsInMemory", "maxTotalRows")

ADDITIONS: dict[str, Any] = {
    # What Druid's constructors, or the rules in spec.py, need.
    **dict.fromkeys(_NAME, _required("name")),
    **dict.fromkeys(("AndDimFilter:and", "OrDimFilter:or"), _required("fields")),
    "EqualityFilter:equals": _required(*_MATCH, "matchValue"),
    "ExpressionDimFilter:expression": _required("expression"),
    "ExpressionTransform:expression": _required("name", "expression"),
    "ColumnType": _required("type"),
    "IdleConfig": {**_required("enabled"), "properties": _at_least(0, "inactiveAfterMillis")},
    "JSONPathFieldSpec": _required("type", "name"),
    "InDimFilter:in": {
        **_required("dimension", "values"),
        "properties": {"values": {"items": {"type": [*_SCALAR, "null"]}}},
    },
    "IntervalDropRule:dropByInterval": _required("interval"),
    "KafkaInputFormat:kafka": _required("valueFormat"),
    "KafkaSupervisorIngestionSpec": _required("dataSchema", "ioConfig", "tuningConfig"),
    "LikeDimFilter:like": _required("dimension", "pattern"),
    "NotDimFilter:not": _required("field"),
    "NullFilter:null": _required("column"),
    "PeriodDropBeforeRule:dropBeforeByPeriod": _required("period"),
    "PeriodDropRule:dropByPeriod": _required("period"),
    "PeriodGranularity:period": _required("period"),
    "RangeFilter:range": _required(*_MATCH),
    "RegexDimFilter:regex": _required("dimension", "pattern"),
    "SelectorDimFilter:selector": {**_required("dimension"), "properties": {"value": {"type": _SCALAR}}},
    "TimestampSpec": _required("column"),
    "DimensionsSpec": _required("dimensions"),
    "UserCompactionTaskDimensionsConfig": _required("dimensions"),
    "ForeverLoadRule:loadForever": _TIERS,
    "IntervalLoadRule:loadByInterval": {**_required("interval"), **_TIERS},
    "PeriodLoadRule:loadByPeriod": {**_required("period"), **_TIERS},
    "KafkaSupervisorSpec:kafka": {
        **_required("spec"),
        # Druid reads the parts here only if there is no `spec`.
        "properties": {"dataSchema": None, "ioConfig": None, "tuningConfig": None},
    },
    "DataSchema": {
        **_required("dataSource", "timestampSpec", "dimensionsSpec", "granularitySpec", "transformSpec"),
        "properties": {
            "dataSource": {"format": "name"},
            "metricsSpec": {"items": {"$ref": "#/$defs/AggregatorFactory", **_required("name")}},
            "parser": None,  # the older form of timestampSpec and dimensionsSpec
        },
    },
    "KafkaSupervisorIOConfig": {
        **_required("topic", "inputFormat", "consumerProperties"),
        "properties": {
            "topicPattern": None,  # a table here has one topic
            "inputFormat": {"properties": {"type": {"enum": ["json", "kafka"]}}},  # the topics hold JSON
            **_at_least(1, "replicas", "taskCount", "stopTaskCount"),
            **_at_least(0, "pollTimeout"),
        },
    },
    "KafkaSupervisorTuningConfig:kafka": {
        "properties": {
            **_at_least(1, *_ROWS, "maxRowsPerSegment", "workerThreads", "chatRetries", "numPersistThreads"),
            **_at_least(0, "maxPendingPersists", "handoffConditionTimeout"),
            **_at_least(0, "maxParseExceptions", "maxSavedParseExceptions"),
        }
    },
    "InlineSchemaDataSourceCompactionConfig:inline": {
        **_required("dataSource"),
        "properties": {
            **_at_least(1, "inputSegmentSizeBytes", "maxRowsPerSegment"),
            **_at_least(0, "taskPriority"),
        },
    },
    "UserCompactionTaskQueryTuningConfig": {
        "properties": {
            **_at_least(1, *_ROWS, "maxNumConcurrentSubTasks", "maxNumSegmentsToMerge", "totalNumMergeTasks"),
            **_at_least(0, "maxRetry", "maxPendingPersists", "pushTimeout"),
            **_at_least(0, "taskStatusCheckPeriodMs", "chatHandlerNumRetries"),
        }
    },
}

SCHEMA = JsonSchema(FILE, ADDITIONS)
GRANULARITIES: tuple[str, ...] = tuple(SCHEMA.definitions["Granularity"]["enum"])
"""From fine to coarse, but for NONE, which is milliseconds."""


def supervisor_issues(spec: Any) -> list[ValidationIssue]:
    """Every field of a supervisor spec that is unknown, missing or of the wrong kind."""
    return _issues(spec, {"$ref": "#/$defs/KafkaSupervisorSpec"})


def compaction_issues(config: Any) -> list[ValidationIssue]:
    """The same of automatic compaction."""
    return _issues(config, {"$ref": "#/$defs/DataSourceCompactionConfig"})


def rule_issues(rules: Any) -> list[ValidationIssue]:
    """Unknown fields, rules that would never be reached, and rules without a final one."""
    if found := _issues(rules, {"type": "array", "items": {"$ref": "#/$defs/Rule"}}):
        return [(f"rules{path}", reason) for path, reason in found]
    kinds = [rule["type"] for rule in rules]
    final = [position for position, kind in enumerate(kinds) if kind.endswith("Forever")]
    if not final:
        return [("rules", "the last must be loadForever or dropForever, or the cluster's default rules decide")]
    return [
        (join(["rules", position]), f"never reached: {kinds[final[0]]} before it takes everything")
        for position in range(final[0] + 1, len(kinds))
    ]


def without_nulls(value: Any) -> Any:
    """As Druid reads it: a property that is null is absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _issues(given: Any, schema: dict[str, Any]) -> list[ValidationIssue]:
    return [(join(mistake.keys), _reason(mistake)) for mistake in SCHEMA.mistakes(given, schema)]


def _reason(mistake: Mistake) -> str:
    several = len(mistake.allowed) > 1
    allowed = f"{', '.join(mistake.allowed)} {'are' if several else 'is'} allowed"
    match mistake.kind:
        case "unknown":
            known = mistake if mistake.near else mistake._replace(allowed=tuple(SCHEMA.names()))
            return f"unknown, and Druid would ignore it{known.near}"
        case "missing":
            return f"missing; {allowed}" if several and mistake.keys[-1] == "type" else "missing"
        case _:
            return f"{mistake.given} given; {allowed}{mistake.near}"
