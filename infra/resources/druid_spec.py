"""Supervisor specs without Druid: what is wrong in one, and where a running one differs from ours."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SCHEMA_FILE = Path(__file__).parent.parent.parent / "services" / "schema" / "clickstream.avsc"

DRUID_TYPES = {
    "boolean": "long",
    "int": "long",
    "long": "long",
    "float": "float",
    "double": "double",
    "string": "string",
}
"""Avro type to the type of the dimension that holds it; a boolean becomes 1 or 0, so that it can be summed."""

_TOP = {"type", "spec", "suspended", "context"}
_PARTS = {"dataSchema", "ioConfig", "tuningConfig"}
_DATA_SCHEMA = {
    "dataSource",
    "timestampSpec",
    "dimensionsSpec",
    "metricsSpec",
    "granularitySpec",
    "transformSpec",
}


def avro_fields(file: Path = SCHEMA_FILE) -> dict[str, str]:
    """Field name to primitive Avro type, the null of a union left out."""
    fields = {}
    for field in json.loads(file.read_text())["fields"]:
        kind = field["type"]
        if isinstance(kind, list):
            kind = next(item for item in kind if item != "null")
        fields[str(field["name"])] = str(kind["type"] if isinstance(kind, dict) else kind)
    return fields


def dimensions(spec: Mapping[str, Any]) -> dict[str, str]:
    """Dimension name to Druid type."""
    listed = spec["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    return {
        (item if isinstance(item, str) else str(item["name"])): (
            "string" if isinstance(item, str) else str(item.get("type", "string"))
        )
        for item in listed
    }


def mistakes(spec: Mapping[str, Any], schema: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Property path and reason of everything that Druid would accept and then ingest wrongly, or refuse."""
    return list(_mistakes(spec, avro_fields() if schema is None else schema))


def _mistakes(spec: Mapping[str, Any], schema: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if spec.get("type") != "kafka":
        yield "type", f"{spec.get('type')!r} given; `kafka` is allowed"
    yield from _unknown(spec, _TOP, "")
    inner = spec.get("spec")
    if not isinstance(inner, Mapping):
        yield "spec", "missing; dataSchema, ioConfig and tuningConfig go there"
        return
    yield from _unknown(inner, _PARTS, "spec.")
    data, source = inner.get("dataSchema"), inner.get("ioConfig")
    if not isinstance(data, Mapping) or not isinstance(source, Mapping):
        yield "spec", "dataSchema and ioConfig are both needed"
        return
    yield from _unknown(data, _DATA_SCHEMA, "spec.dataSchema.")
    if not data.get("dataSource"):
        yield "spec.dataSchema.dataSource", "missing; name the table"
    if not source.get("inputFormat"):
        yield "spec.ioConfig.inputFormat", "missing; Druid accepts that and ingests nothing"
    if not source.get("topic"):
        yield "spec.ioConfig.topic", "missing; name the Kafka topic"
    if source.get("useEarliestOffset") is not True:
        yield (
            "spec.ioConfig.useEarliestOffset",
            "must be true, or events from before the first start are skipped",
        )
    column = (data.get("timestampSpec") or {}).get("column")
    if column not in schema:
        yield (
            "spec.dataSchema.timestampSpec.column",
            f"{column!r} given; a field of clickstream.avsc is allowed",
        )
    yield from _wrong_dimensions(spec, schema)


def _wrong_dimensions(spec: Mapping[str, Any], schema: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    path = "spec.dataSchema.dimensionsSpec.dimensions"
    try:
        found = dimensions(spec)
    except (KeyError, TypeError, AttributeError):
        yield path, "missing; list the columns with their types"
        return
    for name, kind in found.items():
        if name not in schema:
            yield path, f"`{name}` is no field of clickstream.avsc"
        elif kind != DRUID_TYPES[schema[name]]:
            yield path, f"`{name}` is {kind}; for Avro {schema[name]} it must be {DRUID_TYPES[schema[name]]}"


def _unknown(given: Mapping[str, Any], allowed: set[str], prefix: str) -> Iterator[tuple[str, str]]:
    for key in sorted(set(given) - allowed):
        yield f"{prefix}{key}", f"unknown, and Druid would ignore it; known are {', '.join(sorted(allowed))}"


def drift(ours: Mapping[str, Any], running: Mapping[str, Any]) -> dict[str, Any]:
    """Our spec with the values that run instead, wherever ours sets one.

    Druid returns every default filled in, so what ours does not mention is not compared, except that a suspended
    supervisor is never what was asked for.
    """
    seen = {key: _overlay(value, running.get(key)) for key, value in ours.items()}
    if running.get("suspended") and not ours.get("suspended"):
        seen["suspended"] = True
    return seen


def _overlay(ours: Any, running: Any) -> Any:
    if isinstance(ours, Mapping) and isinstance(running, Mapping):
        return {key: _overlay(value, running.get(key)) for key, value in ours.items()}
    if isinstance(ours, list) and isinstance(running, list) and len(ours) == len(running):
        return [_overlay(mine, theirs) for mine, theirs in zip(ours, running, strict=True)]
    if isinstance(ours, str) and isinstance(running, Mapping):
        # Short forms: "country" for {"type": "string", "name": "country"}, "DAY" for {"type": "period", ...}.
        return ours if running.get("name", ours) == ours else running
    return ours if _same_scalar(ours, running) else running


def _same_scalar(ours: Any, running: Any) -> bool:
    if isinstance(ours, str) and isinstance(running, str):
        return _period_seconds(ours) == _period_seconds(running) if ours != running else True
    return bool(ours == running)


def _period_seconds(text: str) -> float | str:
    """Druid writes periods its own way: PT600S comes back for PT10M."""
    units = {"D": 86400.0, "H": 3600.0, "M": 60.0, "S": 1.0}
    if not text.startswith("P") or not text[-1:].isalpha():
        return text
    total, number = 0.0, ""
    for char in text[1:]:
        if char.isdigit() or char == ".":
            number += char
        elif char in units and number:
            total, number = total + float(number) * units[char], ""
        elif char != "T":
            return text
    return total
