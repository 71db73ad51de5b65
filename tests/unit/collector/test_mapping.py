"""The mapping: what it refuses at start, and that its generated encoder writes what fastavro writes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import tomllib
from typing import Any

import fastavro
import pytest
from collector.mapping import avro
from collector.mapping.compile import compile_mapping, load_mapping
from collector.mapping.errors import MappingError
from collector.model.agent import Agent
from collector.model.event import Event, MalformedEventError
from collector.model.page import Page
from collector.model.place import FIELDS as GEO_FIELDS
from collector.model.place import Place
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.collector.conftest import ROOT
from tests.unit.collector.mapping_support import event_with, schema, value_of

MAPPING_FILE = ROOT / "services" / "collector" / "mapping.toml"
SCHEMA_FILE = ROOT / "services" / "schema" / "clickstream.avsc"
SHIPPED = load_mapping(MAPPING_FILE, SCHEMA_FILE)
SCHEMA: Any = SHIPPED.schema

int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
text = st.text(max_size=40) | st.text(min_size=1).map(lambda part: part[:3] * 3000)


def _agent(values: dict[str, Any]) -> Agent:
    return Agent(values, frozenset())


@st.composite
def events(draw: st.DrawFn) -> Event:
    event = Event(draw(st.sampled_from(["browser", "batch", "json"])), draw(st.integers(0, 2**45)))
    event.event_id = draw(text)
    for name in ("event_type", "party_id", "session_id", "page_view_id", "ip"):
        setattr(event, name, draw(st.none() | text))
    for name in ("viewport_width", "viewport_height", "screen_width", "screen_height"):
        setattr(event, name, draw(st.none() | int32))
    event.client_timestamp_ms = draw(st.none() | st.integers(-(2**50), 2**50))
    for name in ("is_new_party", "is_first_in_session", "is_bot", "is_duplicate", "is_corrupt"):
        setattr(event, name, draw(st.booleans()))
    event.page = draw(
        st.none() | st.builds(Page, text | st.just("https://é.example:8080/a%20b?utm_source=x&gclid=y#z"))
    )
    event.referrer = draw(st.none() | st.builds(Page, text))
    parameters: Any = draw(
        st.none() | st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False))
    )
    event.parameters = parameters
    of_type: dict[type, st.SearchStrategy[Any]] = {str: text, int: int32, float: st.floats(allow_nan=False)}
    values = {name: of_type[kind] for name, kind in GEO_FIELDS.items()}
    event.place = draw(st.none() | st.builds(Place, st.fixed_dictionaries({}, optional=values)))
    agent: dict[str, st.SearchStrategy[Any]] = {
        "browser_name": text,
        "browser_major_version": int32,
        "os_name": text,
        "text": text,
    }
    event.agent = draw(st.none() | st.fixed_dictionaries({}, optional=agent).map(_agent))
    return event


@settings(max_examples=150)
@given(events())
def test_generated_encoder_writes_the_bytes_of_fastavro(event: Event) -> None:
    datum = SHIPPED.encode(event)
    record: Any = fastavro.schemaless_reader(io.BytesIO(datum), SCHEMA, None)
    written = io.BytesIO()
    fastavro.schemaless_writer(written, SCHEMA, record)
    assert written.getvalue() == datum
    assert SHIPPED.encode(event) == datum  # now from the kept fragments
    assert record["event_id"] == event.event_id
    assert record["event_type"] == ("unknown" if event.event_type is None else event.event_type)
    assert record["viewport_width"] == event.viewport_width
    assert record["location"] == (event.page.url if event.page else None)
    assert record["city"] == (event.place.values.get("city") if event.place else None)


@given(int64)
def test_longs_are_encoded_as_fastavro_does(number: int) -> None:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, {"type": "long"}, number)
    assert avro.encode_long(number) == written.getvalue()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**80])
def test_longer_numbers_are_refused(number: int) -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        avro.encode_long(number)


def test_shipped_mapping_fills_every_field_of_the_schema() -> None:
    declared = tomllib.loads(MAPPING_FILE.read_text())["fields"]
    assert set(declared) == {field["name"] for field in json.loads(SCHEMA_FILE.read_text())["fields"]}


X: dict[str, Any] = {"name": "x", "type": ["null", "string"], "default": None}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('y = "event_type"', r"fields\.y: the schema has no such field; it has x"),
        ('x = "evnt_type"', r"fields\.x: unknown event value 'evnt_type'; known are channel, client_timestamp"),
        ('x = "timestamp"', r"fields\.x: a value of type integer does not fit the schema's string; convert it"),
        ('x = { geo = "cty" }', r"fields\.x\.geo: unknown 'cty'; known are capital_city, city"),
        ('x = { user_agent = "name" }', r"fields\.x\.user_agent: unknown 'name'"),
        ('x = { gio = "city" }', r"exactly one source is needed; given: none; allowed: absent"),
        ('x = { geo = "city", cookie = "a" }', r"exactly one source is needed; given: cookie, geo"),
        ('x = { geo = "city", pick = "first" }', r"unknown option pick of 'geo'"),
        ('x = { parameter = "a", min = "0" }', r"'min' must be a number, given is '0'"),
        ('x = { parameter = "$.a[" }', r"not valid from '\['"),
        ('x = { match = "event_type", regex = "(" }', r"the regex '\(' is wrong"),
        ('x = { match = "event_type", regex = "a", group = 2 }', r"the regex has no group 2; it has 0 groups"),
        ('x = { literal = "a", when = "event_type" }', r"a condition must be true or false, this is text"),
        ('x = { literal = "a", as = "real" }', r"'as' is 'real'; allowed are boolean, double, int, long, text"),
        ('x = { digest = "event_id", algorithm = "md5" }', r"allowed are sha256, sha384, sha512"),
        ('x = ["event_type", "is_bot"]', r"must be of one type, these are boolean, text"),
        ("x = 5", r"fields\.x: expected a name or a table, not 5"),
    ],
)
def test_mistakes_stop_the_start_and_name_themselves(fields: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        compile_mapping(tomllib.loads("[fields]\n" + fields), schema(X))


def test_field_that_the_schema_requires_must_be_mapped() -> None:
    with pytest.raises(MappingError, match=r"fields\.y: the schema wants a string and gives no default"):
        compile_mapping({"fields": {}}, schema({"name": "y", "type": "string"}))


def test_unknown_sections_and_options_are_refused() -> None:
    with pytest.raises(MappingError, match="unknown section feilds"):
        compile_mapping({"feilds": {}}, schema(X))
    with pytest.raises(MappingError, match=r"options\.discard_corupted"):
        compile_mapping({"options": {"discard_corupted": True}}, schema(X))


HEADERS = {b"accept-language": b'de, "a, b", en;q=0.5', b"cookie": b'a=1; _dvp="0%3A1%3Aa"; b=2'}
URL = "https://user@shop.example:8443/a%20b/c?q=1&q=2&utm_source=news#frag"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ('"event_type"', "view"),
        ('{ literal = "L" }', "L"),
        ('{ parameter = "a" }', "1"),
        ('{ parameter = "$.b[1].c" }', "deep"),
        ("{ parameter = \"$['x y']\" }", "true"),
        ('{ parameter = "$.b[9]" }', None),
        ('{ parameter = "none" }', None),
        ('{ header = "Accept-Language" }', 'de, "a, b", en;q=0.5'),
        ('{ header = "accept-language", pick = "first" }', "de"),
        ('{ header = "accept-language", pick = "last" }', "en;q=0.5"),
        ('{ header = "accept-language", pick = 1 }', '"a, b"'),
        ('{ header = "accept-language", pick = -9 }', None),
        ('{ cookie = "_dvp" }', "0:1:a"),
        ('{ cookie = "c" }', None),
        ('{ location = "host" }', "shop.example"),
        ('{ location = "port" }', "8443"),
        ('{ location = "path" }', "/a b/c"),
        ('{ location = "raw_path" }', "/a%20b/c"),
        ('{ location = "fragment" }', "frag"),
        ('{ location_query = "q" }', "1"),
        ('{ referrer = "host" }', None),
        ('{ uri = { parameter = "link" }, part = "host" }', "l.example"),
        ('{ uri = { parameter = "link" }, query = "k" }', "v"),
        ('{ match = { location = "path" }, regex = "/(.*)/(?P<last>c)", group = "last" }', "c"),
        ('{ match = "event_type", regex = "vie", group = 0 }', None),
        ('{ literal = "yes", when = { match = "event_type", regex = "v.*" } }', "yes"),
        ('{ literal = "yes", when = { equal = ["event_type", { literal = "no" }] } }', None),
        ('{ literal = "yes", when = { all = ["is_bot", { not = "is_corrupt" }] } }', "yes"),
        ('{ literal = "yes", when = { any = ["is_corrupt", { absent = { parameter = "none" } }] } }', "yes"),
        ('{ literal = "yes", when = { present = { parameter = "none" } } }', None),
        ('[{ parameter = "none" }, "event_type"]', "view"),
        ('{ digest = "event_type" }', hashlib.sha256(b"view").hexdigest()),
        ('{ digest = "event_type", encoding = "hex_upper" }', hashlib.sha256(b"view").hexdigest().upper()),
        (
            '{ digest = "event_type", encoding = "base64", algorithm = "sha512" }',
            base64.b64encode(hashlib.sha512(b"view").digest()).decode(),
        ),
        ('{ digest = ["event_type", "event_id"], seed = "key" }', hmac.digest(b"key", b"viewe", "sha256").hex()),
        ('{ event = "timestamp", as = "text" }', "1770000000000"),
        ('{ user_agent = "os_name" }', "OS"),
    ],
)
def test_sources(declared: str, expected: str | None) -> None:
    event = event_with(
        event_type="view",
        headers=HEADERS,
        page=Page(URL),
        is_bot=True,
        agent=Agent({"os_name": "OS"}, frozenset()),
        parameters={"a": 1, "b": [0, {"c": "deep"}], "x y": True, "none": None, "link": "https://l.example/?k=v"},
    )
    assert value_of(declared, event) == expected


def test_required_field_without_a_value_is_named() -> None:
    mapping = compile_mapping(
        tomllib.loads('[fields]\ny = { parameter = "a" }'), schema({"name": "y", "type": "string"})
    )
    with pytest.raises(MalformedEventError, match="field 'y' has no value"):
        mapping.encode(event_with())
    assert mapping.record(event_with(parameters={"a": "b"})) == {"y": "b"}
