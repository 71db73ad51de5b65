"""Supervisor specs without Druid: reading the files, and validation."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from infra.paths import SCHEMAS
from infra.resources.druid.model_issues import ValidationIssue, model_issues
from infra.resources.druid.spec_model import GRANULARITIES, SupervisorSpec

EVENTS = "clickstream.avsc"

DRUID_TYPES = {
    "boolean": "long",
    "int": "long",
    "long": "long",
    "float": "float",
    "double": "double",
    "string": "string",
}
"""From Avro types to dimension types. A boolean becomes 1 or 0, so that it can be summed."""

TIME_FORMATS = {"long": ("millis", "auto"), "string": ("iso", "auto")}
"""From the timestamp's Avro type to the formats in which Druid can read it."""

CONSUMER_LIMITS = {"fetch.max.bytes": 4_194_304, "max.partition.fetch.bytes": 262_144, "max.poll.records": 100}
"""Upper limits for a task's consumer: a fetch, its part of one partition, and the records decompressed at a time.

All tasks share the indexer's heap. Kafka's defaults (50 MiB a fetch, 1 MiB a partition, 500 records of up to 1 MB) do
not fit in it. See docs/ingestion.md, "Memory".
"""

HANDOFF_MS = 900_000
"""Druid's default of handoffConditionTimeout."""
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")

_DATA = "spec.dataSchema"
_IO = "spec.ioConfig"


class Schema(NamedTuple):
    """A schema's file name, and its fields with their primitive Avro types."""

    name: str
    fields: Mapping[str, str]


class SpecFileError(Exception):
    """A file in druid_specs/ is not a JSON object. The message names file and line."""


def load_json(file: Path) -> dict[str, Any]:
    """The object in the file.

    Raises:
        SpecFileError: the file is not a JSON object, or a key occurs twice (JSON readers keep the last one).
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
            message = f"`{twice}` occurs twice in the same object; keep one"
            raise ValueError(message)
        return found

    name = f"{file.parent.name}/{file.name}"
    try:
        content = json.loads(file.read_text(), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        message = f"{name}, line {error.lineno}: {error.msg}"
        raise SpecFileError(message) from None
    except (OSError, ValueError) as error:
        message = f"{name}: {error}"
        raise SpecFileError(message) from None
    if not isinstance(content, dict):
        message = f"{name}: a JSON object is expected, {type(content).__name__} found"
        raise SpecFileError(message)
    return content


def avro_fields(schema: str = EVENTS) -> dict[str, str]:
    """From field names to primitive Avro types, for a file in services/schema/."""
    return {str(field["name"]): primitive(field) for field in json.loads((SCHEMAS / schema).read_text())["fields"]}


def primitive(field: Mapping[str, Any]) -> str:
    """The primitive Avro type of a field: without the null of a union, and without a logical type."""
    kind = field["type"]
    if isinstance(kind, list):
        kind = next(item for item in kind if item != "null")
    return str(kind["type"] if isinstance(kind, dict) else kind)


def dimensions(spec: Mapping[str, Any]) -> dict[str, str]:
    """From dimension names to Druid types."""
    listed = spec["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    return {
        (item if isinstance(item, str) else str(item["name"])): (
            "string" if isinstance(item, str) else str(item.get("type", "string"))
        )
        for item in listed
    }


def issues(spec: Mapping[str, Any], schema: str = EVENTS) -> list[ValidationIssue]:
    """Path and reason of everything that Druid would refuse, or accept and ingest wrongly.

    `schema` is the file in services/schema/ that describes the records. Values are checked only if the structure is
    valid.
    """
    found = model_issues(SupervisorSpec, spec)
    return found or list(_meaning(spec, Schema(schema, avro_fields(schema))))


def _meaning(spec: Mapping[str, Any], schema: Schema) -> Iterator[ValidationIssue]:
    data, source, tuning = (spec["spec"][part] for part in ("dataSchema", "ioConfig", "tuningConfig"))
    yield from _time(data, schema)
    yield from _columns(spec, schema)
    yield from _granularity(data["granularitySpec"])
    if source.get("useEarliestOffset") is not True:
        yield f"{_IO}.useEarliestOffset", "must be true, or events before the first start are skipped"
    consumer = source["consumerProperties"]
    if not consumer.get("bootstrap.servers"):
        yield f"{_IO}.consumerProperties", "missing `bootstrap.servers`; name the broker, for example kafka:9092"
    if (isolation := consumer.get("isolation.level", "read_committed")) != "read_committed":
        reason = f"{isolation!r} given; only read_committed skips what avro-to-json rolled back"
        yield f"{_IO}.consumerProperties.isolation.level", reason
    for name, most in CONSUMER_LIMITS.items():
        given = consumer.get(name)
        if not isinstance(given, int) or not 1 <= given <= most:
            reason = f"{given!r} given; 1 to {most} is allowed, or a backlog could fill the indexer's heap"
            yield f"{_IO}.consumerProperties.{name}", reason
    if not tuning.get("maxSavedParseExceptions"):
        reason = "must be at least 1, or nobody can see why a record was unparseable (/parseErrors fails without it)"
        yield "spec.tuningConfig.maxSavedParseExceptions", reason
    yield from _handover(source, tuning)
    if tuning.get("resetOffsetAutomatically"):
        reason = "must be false: events that Kafka no longer has would be skipped silently"
        yield "spec.tuningConfig.resetOffsetAutomatically", reason


def _handover(source: Mapping[str, Any], tuning: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    """A task waits for a historical to load what it has published, but the supervisor must not end it before."""
    wait = tuning.get("handoffConditionTimeout")
    wait = HANDOFF_MS if wait is None else wait
    given = source.get("completionTimeout", "PT30M")
    found = _DURATION.fullmatch(str(given))
    if found is None:
        return
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if ((hours * 60 + minutes) * 60 + seconds) * 1000 <= wait:
        reason = (
            f"{given!r} given; more than handoffConditionTimeout ({wait / 60_000:.0f} minutes) is needed. While no "
            "historical runs, the supervisor would otherwise end tasks that have published, and their successors"
        )
        yield f"{_IO}.completionTimeout", reason


def _time(data: Mapping[str, Any], schema: Schema) -> Iterator[ValidationIssue]:
    column, written = data["timestampSpec"]["column"], data["timestampSpec"].get("format", "auto")
    if column not in schema.fields:
        yield f"{_DATA}.timestampSpec.column", f"{column!r} given; a field of {schema.name} is allowed"
    elif written not in (allowed := TIME_FORMATS.get(kind := schema.fields[column], ())):
        reason = f"{written!r} given; `{column}` is Avro {kind}: {' or '.join(allowed) or 'no time'}"
        yield f"{_DATA}.timestampSpec.format", reason


def _columns(spec: Mapping[str, Any], schema: Schema) -> Iterator[ValidationIssue]:
    data = spec["spec"]["dataSchema"]
    path = f"{_DATA}.dimensionsSpec.dimensions"
    listed = data["dimensionsSpec"]["dimensions"]
    made = {item["name"] for item in data["transformSpec"].get("transforms", [])}
    names = [item if isinstance(item, str) else item["name"] for item in listed]
    for position, (name, kind) in enumerate(zip(names, _types(listed), strict=True)):
        place = f"{path}[{position}]"
        if names.index(name) != position:
            yield place, f"`{name}` is listed twice"
        elif name not in schema.fields:
            if name not in made:
                yield place, f"`{name}` is not a field of {schema.name}, and no transform creates it"
        elif kind != (wanted := DRUID_TYPES[schema.fields[name]]):
            yield place, f"`{name}` is {kind}; for Avro {schema.fields[name]} it must be {wanted}"
    metrics = data.get("metricsSpec", [])
    for position, metric in enumerate(metrics):
        if (field := metric.get("fieldName")) is not None and field not in schema.fields and field not in made:
            reason = f"{field!r} is not a field of {schema.name}, and no transform creates it"
            yield f"{_DATA}.metricsSpec[{position}].fieldName", reason
    used = {*names, *data["dimensionsSpec"].get("dimensionExclusions", []), data["timestampSpec"]["column"]}
    used |= {metric.get("fieldName") for metric in metrics}
    for name in (name for name in schema.fields if name not in used):
        reason = f"`{name}` of {schema.name} would be lost; list it, or name it in dimensionExclusions"
        yield path, reason


def _types(listed: list[Any]) -> list[str]:
    return ["string" if isinstance(item, str) else str(item.get("type", "string")) for item in listed]


def _granularity(given: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    segment, query = given.get("segmentGranularity", "DAY"), given.get("queryGranularity", "NONE")
    if not (isinstance(segment, str) and isinstance(query, str)):
        return
    segment, query = segment.upper(), query.upper()
    path = f"{_DATA}.granularitySpec"
    if segment == "NONE":
        yield f"{path}.segmentGranularity", "NONE would create a segment for each millisecond; DAY is usual"
    elif query != "NONE" and GRANULARITIES.index(query) > GRANULARITIES.index(segment):
        yield f"{path}.queryGranularity", f"{query} is coarser than the segments ({segment})"
    if given.get("rollup", True) and query == "NONE":
        reason = "must be false: events are single rows. (To roll up, set queryGranularity and count metrics)"
        yield f"{path}.rollup", reason
