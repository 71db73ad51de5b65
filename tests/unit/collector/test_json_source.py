"""The JSON source takes what Divolte stored, and refuses what it cannot keep whole."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from collector.model.event import MalformedEventError
from collector.protocol.iso_time import parse_milliseconds
from collector.protocol.json_source import parse_document, read_event
from collector.protocol.json_values import json_text
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.collector.sample_events import JSON_BODY

if TYPE_CHECKING:
    from collector.model.event import Event


def parsed(body: bytes) -> Event:
    return read_event(parse_document(body), "0:1:a", 0).event


@pytest.mark.parametrize(
    ("old", "new", "attribute", "expected"),
    [
        ('"e"', "5", "event_id", "5"),
        ('"e"', "true", "event_id", "true"),
        ('"e"', "1.5", "event_id", "1.5"),
        ('"e"', "1" * 40, "event_id", "1" * 40),
        ('"t"', "5", "event_type", "5"),
        ('"t"', "true", "event_type", "true"),
        ('"t"', "null", "event_type", None),
        ("true", "0", "is_new_party", False),
        ("true", "1", "is_new_party", True),
        ("true", '"true"', "is_new_party", True),
        ("true", '"false"', "is_new_party", False),
        ("true", '""', "is_new_party", False),
        ("true", "null", "is_new_party", False),
        ("false", "null", "is_first_in_session", False),
        ("false", "2", "is_first_in_session", True),
        ('"t"', r'"a\ud800b"', "event_type", "a\N{REPLACEMENT CHARACTER}b"),
        ('"t"', r'"\udc00\ud83d\ude00\\ud800"', "event_type", "\N{REPLACEMENT CHARACTER}😀\\ud800"),
        ('{"a":1}', "1" * 400, "parameters", int("1" * 400)),
        ('{"a":1}', "18446744073709551617", "parameters", 2**64 + 1),
        ('{"a":1}', '{"a":1e400,"b":2}', "parameters", {"a": None, "b": 2}),
        ("}}", "}} and more", "parameters", {"a": 1}),
        ("}}", "}}]", "parameters", {"a": 1}),
    ],
)
def test_json_source_takes_what_divolte_stored(old: str, new: str, attribute: str, expected: object) -> None:
    event = parsed(JSON_BODY.decode().replace(old, new, 1).encode())
    assert getattr(event, attribute) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_source_takes_the_encodings_of_json(encoding: str) -> None:
    event = parsed(JSON_BODY.decode().replace('"t"', '"é😀"').encode(encoding))
    assert (event.event_type, event.event_id) == ("é😀", "e")


@pytest.mark.parametrize("levels", [150, 199, 1500])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_source_takes_parameters_of_many_levels_and_makes_the_deepest_null(
    levels: int, opening: str, closing: str
) -> None:
    nested = opening * levels + '"[deep"' + closing * levels
    body = JSON_BODY.decode().replace('{"a":1}', '{"n":' + nested + ',"after":"\\"]["}').encode()
    parameters = parsed(body).parameters
    assert isinstance(parameters, dict)
    assert parameters["after"] == '"]['
    value, depth = parameters["n"], 0
    while isinstance(value, dict | list):
        value, depth = (value["a"] if isinstance(value, dict) else value[0]), depth + 1
    assert (value, depth) == (("[deep", levels) if levels < 199 else (None, 198))
    assert json_text(parameters) is not None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 2000, "Expecting value"),
        (b"[" * 70_000 + b"]" * 70_000, "nested deeper than 200 levels"),
        (JSON_BODY + JSON_BODY, "more than one document"),
        (JSON_BODY + b"\n[1]", "more than one document"),
        (b"\xff\xfe{", "not valid"),
    ],
)
def test_json_source_refuses_what_cannot_be_one_event(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedEventError, match=reason):
        parsed(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00.250+01:00", 1769857200250),
        ("2026-01-31t12:00:00.250z", 1769860800250),
        ("2026-01-31T12:00Z", 1769860800000),
        ("2026-01-31T12:00:00.Z", 1769860800000),
        ("2026-01-31T12:00:00.9999Z", 1769860800999),
        ("2026-01-31T12:00:00.123456789Z", 1769860800123),
        ("2026-01-31T12:00:00+01:02:03", 1769857077000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0000-01-01T00:00:00Z", -62167219200000),
        ("-0001-12-31T00:00:00Z", -62167305600000),
        ("-0400-02-29T00:00:00Z", -74784902400000),
        ("+10000-01-01T00:00:00Z", 253402300800000),
        ("+12345-06-07T08:09:10.5Z", 327416976550500),
        ("2026-01-31 12:00:00+0100", 1769857200000),  # Java would not
        ("+999999999-12-31T23:59:59Z", None),
        ("2026-02-29T00:00:00Z", None),
        ("2026-01-31T12:00:00", None),
        ("2026-01-31T24:00:00Z", None),
        ("2026-01-31", None),
        ("", None),
        ("1769857200250", None),
    ],
)
def test_times_are_read_as_java_reads_them(text: str, expected: int | None) -> None:
    assert parse_milliseconds(text) == expected


@given(st.text("0123456789+-:.TZtz ", max_size=30) | st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = parse_milliseconds(text)
    assert found is None or -(2**63) < found < 2**63


@given(st.datetimes(timezones=st.timezones()))
def test_times_that_python_knows_are_the_same(time: datetime) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    with contextlib.suppress(OverflowError):
        assert parse_milliseconds(time.isoformat()) == (time - epoch) // timedelta(milliseconds=1)
