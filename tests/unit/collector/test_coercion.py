"""JSON parameters onto the types of fields, as Divolte coerced them. What does not fit leaves the field's default."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import pytest
from collector.mapping.compile import compile_mapping
from collector.mapping.errors import MappingError
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.collector.mapping_support import event_with, schema, value_of
from tests.unit.collector.sample_events import json_values

TEXTS: Any = {"type": "array", "items": "string"}
LONGS: Any = {"type": "array", "items": "long"}
COUNTS: Any = {"type": "map", "values": "long"}
ITEM: Any = {
    "type": "record",
    "name": "Item",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "count", "type": ["null", "int"], "default": None},
        {"name": "tags", "type": TEXTS, "default": ["none"]},
    ],
}
ITEMS: Any = {"type": "array", "items": ITEM}
COLOUR: Any = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}
FIXED: Any = {"type": "fixed", "name": "Four", "size": 4}


def coerced(given_value: object, avro_type: Any) -> object:
    """What a field of that type, or null, gets from the parameter."""
    return value_of('{ parameter = "x" }', event_with(parameters={"x": given_value}), ["null", avro_type])


@pytest.mark.parametrize(
    ("given_value", "avro_type", "expected"),
    [
        ("12", "int", 12),
        (12.9, "int", 12),
        (2**31, "int", None),
        ("x", "int", None),
        (True, "int", None),
        ([7], "int", 7),
        (2**62, "long", 2**62),
        ("1e3", "long", 1000),
        ("1.5", "double", 1.5),
        ("true", "boolean", True),
        (1, "boolean", None),
        (1.5, "string", "1.5"),
        (False, "string", "false"),
        ({"a": 1}, "string", None),
        (["a", "b"], "string", None),
        (10**400, "string", "1" + 400 * "0"),
        (10**400, "double", None),
        ("SGVsbG8=", "bytes", b"Hello"),
        (["SGVsbG8="], "bytes", b"Hello"),
        ("", "bytes", b""),
        ("not base64", "bytes", None),
        ("SGVsbG8", "bytes", None),
        ("é", "bytes", None),
        (5, "bytes", None),
        (["a"], "bytes", None),
        ({"a": 1}, "bytes", None),
        (0.5, "float", 0.5),
        (1.7976931348623157e308, "float", math.inf),
        (-1e39, "float", -math.inf),
        ("1e39", "float", math.inf),
        ("Infinity", "float", None),
    ],
)
def test_simple_types(given_value: object, avro_type: str, expected: object) -> None:
    assert coerced(given_value, avro_type) == expected


@pytest.mark.parametrize(
    ("given_value", "avro_type", "expected"),
    [
        ("RED", TEXTS, ["RED"]),
        ({"id": "7"}, TEXTS, None),
        (5, TEXTS, ["5"]),
        (5, LONGS, [5]),
        ([1, 2], TEXTS, ["1", "2"]),
        (["a", True, 1.5], TEXTS, ["a", "true", "1.5"]),
        (["a", "b"], TEXTS, ["a", "b"]),
        ([], TEXTS, []),
        (True, LONGS, None),
        ([True], LONGS, None),
        (["1", 2.9, [3]], LONGS, [1, 2, 3]),
        (["x"], LONGS, None),
        ([""], LONGS, None),
        (["a", None], TEXTS, None),
        ([1, None], {"type": "array", "items": ["null", "long"]}, [1, None]),
        ([1, "x"], {"type": "array", "items": ["null", "long"]}, None),
        ([1, [2, 3]], {"type": "array", "items": LONGS}, [[1], [2, 3]]),
        ([1e39, "0.5"], {"type": "array", "items": "float"}, [math.inf, 0.5]),
        (["SGVsbG8="], {"type": "array", "items": "bytes"}, [b"Hello"]),
        ({"a": 1}, COUNTS, {"a": 1}),
        ({"a": "12", "b": 3.9}, COUNTS, {"a": 12, "b": 3}),
        ({"a": "x"}, COUNTS, None),
        ({"a": 1, "b": None}, COUNTS, {"a": 1}),
        ({"a": None}, {"type": "map", "values": ["null", "long"]}, {"a": None}),
        ({}, COUNTS, {}),
        ([], COUNTS, None),
        ([{"a": 1}], COUNTS, {"a": 1}),
        ("a", COUNTS, None),
        ({"id": 7, "count": "12"}, ITEM, {"id": "7", "count": 12, "tags": ["none"]}),
        ({"id": "a", "tags": "one", "extra": {}}, ITEM, {"id": "a", "count": None, "tags": ["one"]}),
        ({"id": "a", "count": None, "tags": None}, ITEM, {"id": "a", "count": None, "tags": ["none"]}),
        ({"id": "a", "count": "x"}, ITEM, None),
        ({"count": 1}, ITEM, None),
        ({"id": None}, ITEM, None),
        ([], ITEM, None),
        ({"id": 7}, ITEMS, [{"id": "7", "count": None, "tags": ["none"]}]),
        ("RED", COLOUR, "RED"),
        (["RED"], COLOUR, "RED"),
        ("GREEN", COLOUR, None),
        (1, COLOUR, None),
        ("SGVsbG8=", FIXED, b"Hell"),
        ("SGU=", FIXED, None),
    ],
)
def test_complex_types(given_value: object, avro_type: Any, expected: object) -> None:
    assert coerced(given_value, avro_type) == expected


@given(
    json_values, st.sampled_from(["int", "float", "bytes", "string", TEXTS, LONGS, COUNTS, ITEM, ITEMS, COLOUR, FIXED])
)
def test_any_value_is_coerced_or_absent(given_value: object, avro_type: Any) -> None:
    coerced(given_value, avro_type)


def test_a_ratio_that_a_float_cannot_hold_is_infinite() -> None:
    assert value_of('"pixel_ratio"', event_with(pixel_ratio=1e300), ["null", "float"]) == math.inf


def test_an_int_never_gets_a_long() -> None:
    """It would be a record that no reader of the schema can read."""
    assert value_of('"timestamp"', event_with(), ["null", "int"]) is None
    assert value_of('"timestamp"', event_with(arrival_ms=2**31 - 1), ["null", "int"]) == 2**31 - 1
    assert value_of('"client_timestamp"', event_with(client_timestamp_ms=-(2**31)), ["null", "int"]) == -(2**31)


@pytest.mark.parametrize(
    ("declared", "avro_type", "message"),
    [
        ("{ literal = 2147483648 }", "int", r"fields\.x: the value 2147483648 does not fit the schema's int"),
        ('{ literal = "GREEN" }', COLOUR, r"fields\.x: the value 'GREEN' does not fit the schema's enum"),
        (
            '{ parameter = "x" }',
            {"type": "array", "items": ["null", "string", "long"]},
            r"fields\.x: unions are supported of null and one type",
        ),
        (
            '{ parameter = "x" }',
            {"type": "record", "name": "T", "fields": [{"name": "y", "type": "T"}]},
            r"fields\.x\.y: the schema's type 'T' is not supported here",
        ),
    ],
)
def test_what_never_fits_stops_the_start(declared: str, avro_type: Any, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        compile_mapping(tomllib.loads(f"[fields]\nx = {declared}"), schema({"name": "x", "type": avro_type}))


@pytest.mark.parametrize("name", ["long", "length", "double", "text"])
def test_a_field_may_have_any_name(name: str) -> None:
    fields = ({"name": name, "type": TEXTS}, {"name": "other", "type": "string"}, {"name": "number", "type": "long"})
    document = f'[fields]\n{name} = {{ parameter = "x" }}\nother = "event_id"\nnumber = "timestamp"'
    mapping = compile_mapping(tomllib.loads(document), schema(*fields))
    event = event_with(parameters={"x": "a"})
    event.event_id = "e" * 9000
    assert mapping.record(event) == {name: ["a"], "other": "e" * 9000, "number": event.arrival_ms}


def test_events_of_one_mapping_do_not_share_values() -> None:
    mapping = compile_mapping(
        tomllib.loads('[fields]\nx = { parameter = "x" }'),
        schema({"name": "x", "type": ["null", TEXTS], "default": None}),
    )
    events = [event_with(parameters={"x": value}) for value in ("a", ["b", "c"], None)]
    assert [mapping.record(event)["x"] for event in events] == [["a"], ["b", "c"], None]
