"""Avro schemas: loading, JSON support, and compatibility of a writer's schema with the reader's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import fastavro
from fastavro.schema import SchemaParseException

from avro_to_json.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Json = Any
"""A parsed schema, as the `json` module returns it."""

_NO_JSON_FORM: Final = {"bytes", "fixed"}
_TIMESTAMP_DIVISORS: Final = {"timestamp-millis": 1, "timestamp-micros": 1000}
_UNITS: Final = {1: "millis", 1000: "micros"}
_PRIMITIVES: Final = {"null", "boolean", "int", "long", "float", "double", "string", "bytes"}
_PROMOTIONS: Final[Mapping[str, set[str]]] = {
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "string": {"string", "bytes"},
    "bytes": {"bytes", "string"},
}
_ARROW_TYPES: Final = {"boolean", "int", "long", "double", "string"}


@dataclass(frozen=True)
class Schema:
    """A record schema.

    ``plain`` is the schema without logical types, so that decoding yields numbers, not datetimes.
    ``timestamps`` maps top-level fields to the divisor that converts their values to milliseconds.
    """

    name: str
    plain: Json
    timestamps: Mapping[str, int]
    parsed: Json = field(repr=False, compare=False)

    @property
    def flat(self) -> bool:
        """Whether every field is a (nullable) boolean, int, long, double or string, which Arrow writes exactly."""
        return all(scalar(entry["type"]) in _ARROW_TYPES for entry in self.plain["fields"])


def parse(text: str, source: str, *, as_json: bool = True) -> Schema:
    """Parse ``text``. Raises SchemaError naming ``source`` and every field that JSON can't represent.

    ``as_json`` is false for a writer's schema: fields that the reader drops need no JSON form.
    """
    try:
        raw: Json = json.loads(text)
        fastavro.parse_schema(raw)
    except (ValueError, SchemaParseException) as error:
        message = f"{source}: not an Avro schema: {error}"
        raise SchemaError(message) from error
    if not isinstance(raw, dict) or raw.get("type") != "record":
        message = f"{source}: the schema must be a record, got {str(raw)[:80]}"
        raise SchemaError(message)
    if as_json and (refused := list(_refused(raw, ""))):
        message = f"{source}: no JSON form for {', '.join(refused)}; leave the field out or use string"
        raise SchemaError(message)
    timestamps = {entry["name"]: divisor for entry in raw["fields"] if (divisor := _divisor(entry["type"])) is not None}
    plain = _plain(raw)
    return Schema(name=raw["name"], plain=plain, timestamps=timestamps, parsed=fastavro.parse_schema(plain))


def load(path: Path, *, as_json: bool = True) -> Schema:
    """Load a schema from a file. Raises SchemaError if it can't be read or used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: can't be read: {error}"
        raise SchemaError(message) from error
    return parse(text, str(path), as_json=as_json)


def incompatibilities(writer: Schema, reader: Schema) -> list[str]:
    """Return why ``reader`` can't read records of ``writer``, one line per field. Empty if it can.

    Follows "Schema Resolution" in the Avro specification. The specification ignores logical types, but a timestamp in
    another unit would be a wrong time.
    """
    return [
        *_resolve(writer.plain, reader.plain, "", _named(writer.plain), _named(reader.plain), set()),
        *(
            f"{name}: written as a timestamp of {_UNITS[unit]}, but the reader takes {_UNITS[reader.timestamps[name]]}"
            for name, unit in writer.timestamps.items()
            if reader.timestamps.get(name, unit) != unit
        ),
    ]


def _resolve(  # noqa: C901, PLR0912 - one branch a rule of the specification
    writer: Json,
    reader: Json,
    path: str,
    writers: dict[str, Json],
    readers: dict[str, Json],
    seen: set[tuple[str, str]],
) -> Iterator[str]:
    writer, reader = _deref(writer, writers), _deref(reader, readers)
    if isinstance(writer, list):
        for branch in writer:
            yield from _resolve(branch, reader, path, writers, readers, seen)
        return
    if isinstance(reader, list):
        if not any(not list(_resolve(writer, branch, path, writers, readers, set(seen))) for branch in reader):
            yield f"{path or 'record'}: written as {_label(writer)}, but the reader takes {_label(reader)}"
        return
    kind, wanted = _kind(writer), _kind(reader)
    if kind != wanted:
        if wanted not in _PROMOTIONS.get(kind, {kind}):
            yield f"{path or 'record'}: written as {_label(writer)}, but the reader takes {_label(reader)}"
        return
    if kind == "array":
        yield from _resolve(writer["items"], reader["items"], f"{path}[]", writers, readers, seen)
    elif kind == "map":
        yield from _resolve(writer["values"], reader["values"], f"{path}{{}}", writers, readers, seen)
    elif kind == "enum":
        missing = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
        if missing and "default" not in reader:
            yield f"{path}: symbols {', '.join(missing)} are unknown to the reader, which has no default symbol"
    elif kind == "record":
        names = {reader["name"], *reader.get("aliases", [])}
        if path and writer["name"] not in names:
            yield f"{path}: written as record {writer['name']}, but the reader takes {reader['name']}"
            return
        if (key := (writer["name"], reader["name"])) in seen:
            return
        seen.add(key)
        written = {entry["name"]: entry for entry in writer["fields"]}
        for entry in reader["fields"]:
            where = f"{path}.{entry['name']}" if path else entry["name"]
            source = next((written[n] for n in (entry["name"], *entry.get("aliases", [])) if n in written), None)
            if source is not None:
                yield from _resolve(source["type"], entry["type"], where, writers, readers, seen)
            elif "default" not in entry:
                yield f"{where}: not written, and the reader has no default for it"


def _named(schema: Json, found: dict[str, Json] | None = None) -> dict[str, Json]:
    found = {} if found is None else found
    if isinstance(schema, list):
        for branch in schema:
            _named(branch, found)
    elif isinstance(schema, dict):
        if schema["type"] in ("record", "enum", "fixed"):
            found[schema["name"]] = schema
            if "namespace" in schema:
                found[f"{schema['namespace']}.{schema['name']}"] = schema
        for part in [entry["type"] for entry in schema.get("fields", [])] + [
            schema[key] for key in ("items", "values") if key in schema
        ]:
            _named(part, found)
    return found


def _deref(schema: Json, named: dict[str, Json]) -> Json:
    if isinstance(schema, dict) and isinstance(schema["type"], (dict, list)):
        return _deref(schema["type"], named)
    return named.get(schema, schema) if isinstance(schema, str) and schema not in _PRIMITIVES else schema


def _kind(schema: Json) -> str:
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _label(schema: Json) -> str:
    if isinstance(schema, list):
        return " or ".join(_label(branch) for branch in schema)
    return f"{_kind(schema)} {schema['name']}" if isinstance(schema, dict) and "name" in schema else _kind(schema)


def _refused(schema: Json, path: str) -> Iterator[str]:  # noqa: C901 - one branch a kind of schema
    if isinstance(schema, list):
        for branch in schema:
            yield from _refused(branch, path)
    elif isinstance(schema, str):
        if schema in _NO_JSON_FORM:
            yield f"{path} ({schema})"
    elif isinstance(schema["type"], (dict, list)):
        yield from _refused(schema["type"], path)
    elif schema["type"] in _NO_JSON_FORM:
        yield f"{path} ({schema['type']})"
    elif schema["type"] == "record":
        for entry in schema["fields"]:
            yield from _refused(entry["type"], f"{path}.{entry['name']}" if path else entry["name"])
    else:
        for key in ("items", "values"):
            if key in schema:
                yield from _refused(schema[key], f"{path}[]")


def _plain(schema: Json) -> Json:
    if isinstance(schema, list):
        return [_plain(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if set(schema) <= {"type", "logicalType", "precision", "scale"} and isinstance(schema["type"], str):
        return schema["type"]
    kept = {key: value for key, value in schema.items() if key not in ("logicalType", "doc")}
    if "fields" in kept:
        kept["fields"] = [
            {k: _plain(v) if k == "type" else v for k, v in entry.items() if k != "doc"} for entry in kept["fields"]
        ]
    for key in ("items", "values"):
        if key in kept:
            kept[key] = _plain(kept[key])
    return kept


def _divisor(schema: Json) -> int | None:
    if isinstance(schema, list):
        return next((found for branch in schema if (found := _divisor(branch)) is not None), None)
    return _TIMESTAMP_DIVISORS.get(schema.get("logicalType", "")) if isinstance(schema, dict) else None


def scalar(schema: Json) -> str | None:
    """Return a field's (nullable) primitive type. None if the type is not primitive."""
    if isinstance(schema, list):
        others = [branch for branch in schema if branch != "null"]
        return scalar(others[0]) if len(schema) == 2 and len(others) == 1 else None
    return schema if isinstance(schema, str) and schema in _PRIMITIVES else None
