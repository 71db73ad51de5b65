"""Schema evolution: what the specification lets a reader read, checked before the first record and true in reading."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import fastavro
import pytest
from avro_to_json import schema as schemas
from avro_to_json.converter import RAW_ID, Converter
from avro_to_json.errors import SchemaError

NULLABLE = ["null", "string"]


def schema(*fields: dict[str, Any], as_json: bool = True, **more: Any) -> schemas.Schema:
    text = json.dumps({"type": "record", "name": "Event", "fields": list(fields), **more})
    return schemas.parse(text, "test", as_json=as_json)


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


ID = field("id", "string")
NESTED = {"type": "record", "name": "R"}
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
    "a dropped field that JSON could not carry": (
        schema(ID, field("raw", "bytes"), as_json=False), schema(ID), {"id": "a", "raw": b"\xff"}, {"id": "a"},
    ),
    "a default that is no null": (
        schema(ID), schema(ID, field("n", "int", default=3), field("s", "string", default="ö")),
        {"id": "a"}, {"id": "a", "n": 3, "s": "ö"},
    ),
    "a branch is added to a union": (
        schema(field("u", NULLABLE)), schema(field("u", ["null", "int", "string"])), {"u": "x"}, {"u": "x"},
    ),
    "an unknown symbol becomes the default": (
        schema(field("c", COLOUR)), schema(field("c", {**COLOUR, "symbols": ["RED", "NONE"], "default": "NONE"})),
        {"c": "GREEN"}, {"c": "NONE"},
    ),
    "a nested record grows": (
        schema(field("r", {**NESTED, "fields": [field("x", "int")]})),
        schema(field("r", {**NESTED, "fields": [field("x", "int"), field("y", "int", default=0)]})),
        {"r": {"x": 1}}, {"r": {"x": 1, "y": 0}},
    ),
    "map values widen": (
        schema(field("m", {"type": "map", "values": "int"})), schema(field("m", {"type": "map", "values": "double"})),
        {"m": {"a": 1}}, {"m": {"a": 1.0}},
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
    "another unit of time": (
        schema(field("t", {"type": "long", "logicalType": "timestamp-micros"})),
        schema(field("t", ["null", {"type": "long", "logicalType": "timestamp-millis"}])),
        "t: written as a timestamp of micros, but the reader takes millis",
    ),
    "map values": (
        schema(field("m", {"type": "map", "values": "string"})), schema(field("m", {"type": "map", "values": "int"})),
        "m{}: written as string",
    ),
    "another nested record": (
        schema(field("r", {"type": "record", "name": "R", "fields": []})),
        schema(field("r", {"type": "record", "name": "Q", "fields": []})),
        "r: written as record R, but the reader takes Q",
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
    lines = Converter(reader, {RAW_ID: writer}).convert([out.getvalue()] * 30)
    assert [json.loads(line) for line in lines if isinstance(line, bytes)] == [expected] * 30


@pytest.mark.parametrize(("writer", "reader", "problem"), INCOMPATIBLE.values(), ids=INCOMPATIBLE.keys())
def test_an_incompatible_change_is_refused_naming_the_field(
    writer: schemas.Schema, reader: schemas.Schema, problem: str
) -> None:
    with pytest.raises(SchemaError, match=re.escape(problem)):
        Converter(reader, {RAW_ID: writer})


# Writer's type by reader's types that the specification lets it be read as.
READABLE = {
    "boolean": {"boolean"},
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "double": {"double"},
    "string": {"string"},
    "bytes": {"string"},
}
VALUES = {"boolean": True, "int": -7, "long": 2**40, "float": 1.5, "double": 2.25, "string": "ö", "bytes": "ö".encode()}


@pytest.mark.parametrize("written", READABLE)
@pytest.mark.parametrize("nullable", [False, True])
def test_every_primitive_is_read_as_the_specification_says_or_refused(written: str, *, nullable: bool) -> None:
    writer = schema(field("v", written), as_json=False)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, writer.parsed, {"v": VALUES[written]})
    for wanted in set(READABLE) - {"bytes"}:
        reader = schema(field("v", ["null", wanted] if nullable else wanted))
        if wanted not in READABLE[written]:
            with pytest.raises(SchemaError, match=f"v: written as {written}"):
                Converter(reader, {RAW_ID: writer})
            continue
        for size in (1, 30):
            lines = Converter(reader, {RAW_ID: writer}).convert([out.getvalue()] * size)
            expected = "ö" if written == "bytes" else VALUES[written]
            assert [json.loads(line) for line in lines if isinstance(line, bytes)] == [{"v": expected}] * size


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
    (line,) = Converter(of, {RAW_ID: of}).convert([out.getvalue()])
    assert isinstance(line, bytes)
    assert json.loads(line) == {"at": 1_770_000_000_123}
