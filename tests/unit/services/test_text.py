"""Any text that an event holds leaves the collector and the converter as it came: a property over both services.

Campaign tags are the exception: spaces around them are cut.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

import pytest
from avro_to_json import schema as schemas
from avro_to_json.converter import RAW_ID, Converter
from collector.mapping.compile import load_mapping
from collector.model.agent import Agent
from collector.model.place import Place
from collector.protocol.batch import parse_batch, parse_batch_event
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.paths import SCHEMAS, SERVICES

SCHEMA_FILE: Final = SCHEMAS / "clickstream.avsc"
MAPPING: Final = load_mapping(SERVICES / "collector" / "mapping.toml", SCHEMA_FILE)
READER: Final = schemas.parse(SCHEMA_FILE.read_text(), SCHEMA_FILE.name)
CONVERTER: Final = Converter(READER, {RAW_ID: READER})
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
"""Everything but halves of surrogate pairs, which no UTF-8 has."""
STRANGE: Final = (
    "\x00", "a\x00b", "\u2028", "\uffff", "\u202e\u2066", "\U0001f469\u200d\U0001f4bb", "e\u0301", "\ufeff",
    "\x1f\x7f\x85", "'\"\\", "<b>&amp;", "=1+1", "%", "%25", "\U0010ffff",
)  # fmt: skip


def arrived(text: str, copies: int) -> list[dict[str, Any]]:
    """JSON records of an event with this text in every field, in a batch of so many."""
    inside = quote(text, safe="")
    event = {
        "p": "0:1:a", "s": "0:1:b", "v": text, "e": text, "c": 1, "t": text, "d": text, "r": text, "u": {text: text},
        "l": f"https://shop.example/{inside}",
    }  # fmt: skip
    (given_event,) = parse_batch(json.dumps({"events": [event]}).encode())
    parsed = parse_batch_event(given_event, 1_770_000_000_000)
    parsed.place = Place({"city": text, "country_name": text, "region_name": text})
    parsed.agent = Agent({"text": text, "browser_name": text, "os_name": text, "bot_name": text}, frozenset())
    found = []
    for line in CONVERTER.convert([MAPPING.encode(parsed)] * copies):
        assert isinstance(line, bytes)
        found.append(json.loads(line))
    return found


def check(text: str) -> None:
    names = ("page_view_id", "event_id", "event_type", "page_title", "referer", "city", "country", "state",
             "navigator_user_agent", "browser_name", "os_name", "bot_name")  # fmt: skip
    few, many = arrived(text, 1), arrived(text, 40)
    assert few * 40 == many, "the ways for few and for many records"
    (record,) = few
    assert {name: record[name] for name in names} == dict.fromkeys(names, text)
    assert record["path"] == f"/{text}"
    assert json.loads(record["parameters"]) == {text: text}


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_text_leaves_both_services_as_it_came(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", STRANGE, ids=ascii)
def test_strange_text_leaves_both_services_as_it_came(text: str) -> None:
    check(text)
