"""Schema evolution: what the specification lets a reader read, checked before the first record and true in reading."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest
from avro_to_json import schema as schemas
from avro_to_json.converter import NAKED_ID, Converter
from avro_to_json.errors import SchemaError

NULLABLE = ["null", "string"]


def schema(*fields: dict[str, Any], **more: Any) -> schemas.Schema:
    return schemas.parse(json.dumps({"type": "record", "name": "Event", "fields": list(fields), **more}), "test")


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


ID = field("id", "string")
COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]}

# writer, reader, a record as written, the JSON expected
COMPATIBLE = {
    "same": (schema(ID), schema(ID), {"id": "a"}, {"id": "a"}),
    "the reader is newer: a field with a default": (
        schema(ID), schema(ID, field("city", NULLABLE, default=None)), {"id": "a"}, {"id": "a", "city": None},
    ),
    "the reader is older: a field it does not know": (
        schema(ID, field("city", NULLABLE, default=None)), schema(ID), {"id": "a", "city": "Lund"}, {"id": "a"},
    ),
    "another order": (
        schema(field("n", "int"), ID), schema(ID, field("n", "int")), {"id": "a", "n": 1}, {"id": "a", "n": 1},
    ),
    "int to long": (schema(field("n", "int")), schema(field("n", "long")), {"n": 1}, {"n": 1}),
    "int to double": (schema(field("n", "int")), schema(field("n", "double")), {"n": 1}, {"n": 1.0}),
    "made nullable": (schema(field("s", "string")), schema(field("s", NULLABLE)), {"s": "x"}, {"s": "x"}),
    "renamed by alias": (
        schema(field("town", "string")), schema(field("city", "string", aliases=["town"])),
        {"town": "x"}, {"city": "x"},
    ),
    "an enum grows": (
        schema(field("c", {**COLOUR, "symbols": ["RED"]})), schema(field("c", COLOUR)), {"c": "RED"}, {"c": "RED"},
    ),
    "array items widen": (
        schema(field("a", {"type": "array", "items": "int"})),
        schema(field("a", {"type": "array", "items": "long"})),
        {"a": [1, 2]},
        {"a": [1, 2]},
    ),
}  # fmt: skip

INCOMPATIBLE = {
    "a field without a default": (schema(ID), schema(ID, field("city", "string")), "city: not written"),
    "another type": (schema(field("n", "string")), schema(field("n", "int")), "n: written as string"),
    "narrowed": (schema(field("n", "long")), schema(field("n", "int")), "n: written as long"),
    "no longer nullable": (schema(field("s", NULLABLE)), schema(field("s", "string")), "s: written as null"),
    "a union loses a branch": (
        schema(field("u", ["null", "int", "string"])), schema(field("u", NULLABLE)), "u: written as int",
    ),
    "an enum shrinks": (
        schema(field("c", COLOUR)), schema(field("c", {**COLOUR, "symbols": ["RED"]})), "c: symbols GREEN",
    ),
    "a nested field": (
        schema(field("r", {"type": "record", "name": "R", "fields": [field("x", "string")]})),
        schema(field("r", {"type": "record", "name": "R", "fields": [field("x", "int")]})),
        "r.x: written as string",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("writer", "reader", "record", "expected"), COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_compatible_evolution_works(
    writer: schemas.Schema, reader: schemas.Schema, record: dict[str, Any], expected: dict[str, Any]
) -> None:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, writer.parsed, record)
    lines = Converter(reader, {NAKED_ID: writer}).convert([out.getvalue()] * 30)
    assert [json.loads(line) for line in lines if isinstance(line, bytes)] == [expected] * 30


@pytest.mark.parametrize(("writer", "reader", "problem"), INCOMPATIBLE.values(), ids=INCOMPATIBLE.keys())
def test_an_incompatible_change_is_refused_naming_the_field(
    writer: schemas.Schema, reader: schemas.Schema, problem: str
) -> None:
    with pytest.raises(SchemaError, match=problem.replace(".", r"\.")):
        Converter(reader, {NAKED_ID: writer})


def test_all_problems_are_named_together() -> None:
    writer, reader = schema(field("a", "string"), field("b", "string")), schema(field("a", "int"), field("b", "int"))
    assert len(schemas.incompatibilities(writer, reader)) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "not an Avro schema"),
        ('{"type": "record", "name": "E", "fields": [{"name": "a", "type": "strng"}]}', "not an Avro schema"),
        ('"string"', "must be a record"),
        (
            '{"type": "record", "name": "E", "fields": [{"name": "a", "type": "bytes"}]}',
            r"no JSON form for a \(bytes\)",
        ),
    ],
)
def test_an_unusable_schema_says_why(text: str, problem: str) -> None:
    with pytest.raises(SchemaError, match=problem):
        schemas.parse(text, "s.avsc")


def test_micros_become_millis() -> None:
    micros = {"type": "long", "logicalType": "timestamp-micros"}
    of = schema(field("at", micros))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, of.parsed, {"at": 1_770_000_000_123_456})
    (line,) = Converter(of, {NAKED_ID: of}).convert([out.getvalue()])
    assert isinstance(line, bytes)
    assert json.loads(line) == {"at": 1_770_000_000_123}
