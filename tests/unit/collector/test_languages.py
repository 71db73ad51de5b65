"""The language that a visitor asks for: how the header is read, and what the record holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from collector.enrich.languages import UNKNOWN, language_of
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.collector.mapping_support import event_with, value_of
from tests.unit.collector.sample_events import beacon, record
from tests.unit.collector.support import delivered, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("header", "tag", "name"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de-AT", "German"),
        ("DE-at", "de-AT", "German"),
        ("en;q=0.5, fr", "fr", "French"),
        ("en;q=0.5, fr;q=0.5", "en", "English"),
        ("*;q=1, fr;q=0.1", "fr", "French"),
        ("zh-hant-tw", "zh-Hant-TW", "Chinese"),
        ("es-419,es;q=0.9", "es-419", "Spanish"),
        ("de-DE-u-co-phonebk", "de-DE", "German"),
        ("qq-XX", "qq-XX", None),
    ],
)
def test_the_first_language_with_the_greatest_weight_counts(header: str, tag: str, name: str | None) -> None:
    language = language_of(header.encode())
    assert (language.tag, language.name) == (tag, name)


@pytest.mark.parametrize("header", ["", "*", "fr;q=0", "<b>de</b>", "de_AT", ",,;", "x" * 5000])
def test_other_headers_have_no_language(header: str) -> None:
    assert language_of(header.encode()) == UNKNOWN


@given(st.binary(max_size=200))
def test_any_header_has_a_short_tag_or_none(header: bytes) -> None:
    assert len(language_of(header).tag or "") <= len("zho-Hant-419")


@pytest.mark.parametrize(("part", "expected"), [("tag", "de-AT"), ("name", "German")])
def test_a_mapping_names_the_tag_or_the_name(part: str, expected: str) -> None:
    declared = f'{{ language = "{part}" }}'
    assert value_of(declared, event_with(headers={b"accept-language": b"de-AT,de;q=0.9"})) == expected
    assert value_of(declared, event_with(headers={})) is None


async def test_an_event_has_the_language_of_the_browser_and_that_of_the_country(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        await request(app, beacon("0:a0"), "GET", None, Accept_Language="pt-br,pt;q=0.9")
        await request(app, beacon("0:b0"), "GET", None)
        found = {each["event_id"]: each for each in map(record, delivered(app, "tracking-avro", 2))}
    assert [found[name]["browser_language"] for name in ("0:a0", "0:b0")] == ["pt-BR", None]
    assert [found[name]["browser_language_name"] for name in ("0:a0", "0:b0")] == ["Portuguese", None]
    assert found["0:a0"]["language_name"] is None
