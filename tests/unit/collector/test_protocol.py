"""The wire protocol, against Divolte's own vectors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import pytest
from collector.model.base36 import parse_int, parse_long, to_base36
from collector.model.event import MalformedEventError
from collector.protocol import mincode
from collector.protocol.batch import parse_batch, parse_batch_event
from collector.protocol.beacon import parse_beacon
from collector.protocol.checksum import checksum
from collector.protocol.identifier import canonical_identifier
from collector.protocol.json_source import parse_document, read_event
from collector.protocol.json_values import json_text
from collector.protocol.query import parse_query
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.collector.sample_events import BASE, EVENT, JSON_BODY, REAL, json_values, query

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue

VECTORS = [(BASE, "-y99lem"), (BASE | {"t": "ụñ⚕©ºḌℨ"}, "-ql2p2c"), (REAL, "si9804")]
MIXED: JsonValue = {
    "a": {}, "b": "c", "d": {"a": [], "b": "g"}, "e": ["1", "2"], "f": 42, "g": 53.2, "h": -37, "i": -78.3e-10,
    "j": True, "k": False, "l": None, "m": {}, "n": [{}, {"a": "b"}, {"c": "d"}], "o": {},
}  # fmt: skip
SONG = "It's cold outside\nThere's no kind of atmosphere\nI'm all alone\nMore or less"
STRUCK = "H\u0336e\u0336l\u0336l\u0336o\u0336 \u0336W\u0336o\u0336r\u0336l\u0336d\u0336"
MINCODE = [
    # The sixteen that Divolte's own parser is tested with.
    ("sa string!", "a string"),
    ("sHello~~World~!!", "Hello~World!"),
    (f"s{SONG}!", SONG),
    (f"s{STRUCK}~!\u0336!", STRUCK + "!\u0336"),
    ("t", True),
    ("f", False),
    ("n", None),
    ("d16!", 42),
    ("j10.3!", 10.3),
    ("()", {}),
    ("a.", []),
    ("(sfoo!bar!sbaz!daz!)", {"foo": "bar", "baz": "daz"}),
    ("asfoo!sbar!sbaz!sdaz!.", ["foo", "bar", "baz", "daz"]),
    (
        "a(sfoo!bar!sbaz!daz!)(sdaz!huh!sdoo!wha!)(ddaz!2!ddoo!3!).",
        [{"foo": "bar", "baz": "daz"}, {"daz": "huh", "doo": "wha"}, {"daz": 2, "doo": 3}],
    ),
    ("(sname!John Doe!dage!16!achildren!sMary!sBill!.)", {"name": "John Doe", "age": 42, "children": ["Mary", "Bill"]}),
    (
        "((a!)sb!c!(d!aa!.sb!g!)ae!s1!s2!.df!16!jg!53.2!dh!-11!ji!-78.3e-10!tj!fk!nl!(m!)an!()(sa!b!)(sc!d!).(o!))",
        MIXED,
    ),
    # And what they leave out.
    ("ad1!d2!.", [1, 2]),
    ("(ta!fb!nc!)", {"a": True, "b": False, "c": None}),
    ("(sa~!b!x!)", {"a!b": "x"}),
    ("d-1!", -1),
]
READ_TOO = [
    # What Divolte's parser reads, though its tag does not write it.
    ("(sa!b!)x", {"a": "b"}),
    ("(sa!b!) ", {"a": "b"}),
    ("t!", True),
    ("d16!d17!", 42),
    ("dZZ!", 1295),
    ("d+16!", 42),
    ("j+1!", 1),
    ("j1.!", 1.0),
    ("j.5!", 0.5),
    ("j01!", 1),
    ("j-01.50!", -1.5),
    (f"d{'z' * 400}!", 36**400 - 1),
    (f"j{'9' * 400}!", 10**400 - 1),
    # A number that no double holds is null, and what is beside it stays.
    ("(ja!1e400!jb!-1e400!sc!kept!)", {"a": None, "b": None, "c": "kept"}),
    (f"(ja!{'9' * 2001}!dd!{'z' * 2001}!sc!kept!)", {"a": None, "d": None, "c": "kept"}),
]


@pytest.mark.parametrize(("parameters", "expected"), VECTORS)
def test_checksum_is_divoltes(parameters: dict[str, str], expected: str) -> None:
    assert to_base36(checksum(list(parameters.items()))) == expected
    assert parse_beacon(query(parameters, x=expected), 0).is_corrupt is False


def test_order_of_parameters_does_not_matter_but_every_value_does() -> None:
    pairs = [("b", "2"), ("a", "1"), ("b", "3"), ("x", "ignored")]
    assert checksum(pairs) == checksum([("a", "1"), ("b", "2"), ("b", "3")])
    assert checksum(pairs) != checksum([("a", "1"), ("b", "3"), ("b", "2")])


@pytest.mark.parametrize("given_checksum", ["si9805", "", "not base 36!", "9" * 30])
def test_wrong_checksum_marks_the_event_and_does_not_refuse_it(given_checksum: str) -> None:
    assert parse_beacon(query(REAL, x=given_checksum), 0).is_corrupt is True


def test_missing_checksum_marks_the_event() -> None:
    assert parse_beacon(query(REAL), 0).is_corrupt is True


@given(st.text())
def test_any_text_has_a_checksum_that_the_beacon_accepts(text: str) -> None:
    pairs = REAL | {"u": mincode.encode({"text": text}), "l": "https://example.com/" + text}
    event = parse_beacon(query(pairs, x=to_base36(checksum(list(pairs.items())))), 0)
    assert event.is_corrupt is False
    assert event.parameters == {"text": text}


def murmur3(data: bytes) -> int:
    """MurmurHash3 x86 32 bit, seed 0, signed, written from its definition: what the tag computes."""

    def rotated(value: int, by: int) -> int:
        return (value << by | value >> 32 - by) & 0xFFFFFFFF

    state = 0
    for start in range(0, len(data), 4):
        block = data[start : start + 4]
        mixed = rotated(int.from_bytes(block, "little") * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF
        state ^= mixed
        if len(block) == 4:
            state = (rotated(state, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        state = (state ^ state >> shift) * factor & 0xFFFFFFFF
    return state - (1 << 32) if state >> 31 else state


@given(st.dictionaries(st.text("abcz", min_size=1, max_size=2), st.text(), max_size=6))
def test_checksum_is_the_hash_of_the_right_utf8_bytes(parameters: dict[str, str]) -> None:
    canonical = "".join(f"{name}={value},;" for name, value in sorted(parameters.items()))
    assert checksum(list(parameters.items())) == murmur3(canonical.encode())


def test_emoji_are_not_corrupt() -> None:
    pairs = REAL | {"t": "🇸🇪 flag"}
    canonical = "".join(f"{name}={value},;" for name, value in sorted(pairs.items()))
    event = parse_beacon(query(pairs, x=to_base36(murmur3(canonical.encode()))), 0)
    assert (event.event_type, event.is_corrupt) == ("🇸🇪 flag", False)


@pytest.mark.parametrize(("text", "value"), MINCODE)
def test_mincode_samples(text: str, value: JsonValue) -> None:
    assert mincode.decode(text) == value
    # JavaScript and Python write the exponent of a small number differently.
    assert mincode.encode(value) == text.replace("-78.3e-10", "-7.83e-09")


@pytest.mark.parametrize(("text", "value"), READ_TOO)
def test_what_divoltes_parser_reads_is_read(text: str, value: JsonValue) -> None:
    assert mincode.decode(text) == value
    assert type(mincode.decode(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("j1e+7!", "10000000"),
        ("j1e+9!", "1000000000"),
        ("j-1.2345e+4!", "-12345"),
        ("j1e+20!", "100000000000000000000"),
        ("j1.2345678901234567e+20!", "123456789012345670000"),
        ("j1e+21!", "1e+21"),
        ("j1.5e-7!", "1.5e-7"),
        ("j1e-7!", "1e-7"),
        ("j0e+3!", "0.0"),
        (f"j1e-{'9' * 30}!", "0.0"),
        ("j100.0!", "100.0"),
    ],
)
def test_whole_numbers_that_the_tag_shortens_are_written_as_json_writes_them(text: str, written: str) -> None:
    """The tag sends 10000000 as `j1e+7!` because that is shorter."""
    assert json_text(mincode.decode(text)) == written


@pytest.mark.parametrize(
    "text", ["", ".", "z", "sno end", "sends in an escape~", "d54@@!", "j54@@!", "j.!", "d!", "(o!)"]
)
def test_what_divoltes_parser_refuses_is_refused(text: str) -> None:
    with pytest.raises(mincode.MincodeError):
        mincode.decode(text)


@given(json_values)
def test_mincode_round_trip(value: JsonValue) -> None:
    assert in_doubles(mincode.decode(mincode.encode(value))) == in_doubles(value)


def in_doubles(value: JsonValue) -> JsonValue:
    """Whole numbers as doubles: 1.2345678901234568e+20 is not exactly the number that its digits say."""
    if isinstance(value, dict):
        return {name: in_doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [in_doubles(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(st.text(alphabet="stfndja(.)!~0a9-é"))
def test_any_text_is_mincode_or_a_mincode_error(text: str) -> None:
    with contextlib.suppress(mincode.MincodeError):
        mincode.decode(text)


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(mincode.MincodeError, match="nested deeper"):
        mincode.decode("a" * 100_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:i1t84hgy:party", "0:i1t84hgy:party"),
        ("0:I1T84HGY:Party", "0:i1t84hgy:Party"),
        ("0:007:x", "0:7:x"),
        ("0:-7:x", "0:-7:x"),
        ("0:+7:x", "0:7:x"),
        ("0:7:", "0:7:"),
        ("0:7", None),
        ("1:7:x", None),
        ("0:7:x:y", None),
        ("0:7:x:", None),
        ("0:7~:x", None),
        ("0::x", None),
        ("", None),
        ("0:1y2p0ij32e8e7:x", "0:1y2p0ij32e8e7:x"),
        ("0:1y2p0ij32e8e8:x", None),
    ],
)
def test_identifiers(text: str, expected: str | None) -> None:
    assert canonical_identifier(text) == expected


@given(st.integers(-(2**63), 2**63 - 1))
def test_base36_round_trip(number: int) -> None:
    assert parse_long(to_base36(number)) == number
    assert parse_long(to_base36(number).upper()) == number


@pytest.mark.parametrize("text", ["", "-", "1_0", " 1", "1 ", "1.i", "٣", "zzzzzzzzzzzzzz", "1" * 100])
def test_what_java_cannot_parse_is_no_number(text: str) -> None:
    assert parse_long(text) is None


def test_numbers_of_32_bits() -> None:
    assert parse_int(to_base36(2**31 - 1)) == 2**31 - 1
    assert parse_int(to_base36(2**31)) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_query(data: bytes) -> None:
    pairs = parse_query(data)
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in pairs)
    "".join(name + value for name, value in pairs).encode()  # no lone surrogates: Kafka and Avro need UTF-8


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_query_is_decoded_as_the_standard_library_does(pairs: list[tuple[str, str]]) -> None:
    text = urlencode(pairs)
    assert parse_query(text.encode()) == parse_qsl(text, keep_blank_values=True)


@pytest.mark.parametrize("name", ["p", "s", "v", "e", "n", "f", "c"])
def test_required_parameters_are_named_when_missing(name: str) -> None:
    parameters = {key: value for key, value in REAL.items() if key != name}
    with pytest.raises(MalformedEventError, match=f"'{name}' is missing"):
        parse_beacon(query(parameters), 0)


def test_beacon_values() -> None:
    event = parse_beacon(query(REAL, n="t", f="true", k="1.i", u="(sa!b!)", r="https://r.example/x", x="0"), 123)
    assert (event.client_timestamp_ms, event.arrival_ms) == (1414499908146, 123)
    assert (event.is_new_party, event.is_first_in_session) == (True, False)
    assert (event.screen_width, event.screen_height) == (1676, 1027)
    assert (event.viewport_width, event.viewport_height) == (1106, 949)
    assert event.pixel_ratio == 1.5
    assert event.parameters == {"a": "b"}
    assert event.referrer is not None
    assert event.referrer.parts["host"] == "r.example"


def test_unparsable_optional_values_are_absent() -> None:
    event = parse_beacon(query(REAL, i="1.5", w="zzzzzzz", u="(broken"), 0)
    assert (event.screen_width, event.viewport_width, event.parameters) == (None, None, None)


def test_unparsable_time_refuses_the_event() -> None:
    with pytest.raises(MalformedEventError, match="'c'"):
        parse_beacon(query(REAL, c="!"), 0)


def test_first_of_repeated_values_counts() -> None:
    assert parse_beacon(query(REAL) + b"&t=second", 0).event_type == "pageView"


def test_batch_event_has_the_beacons_names_and_jsons_types() -> None:
    event = parse_batch_event({**EVENT, "k": 1.5, "u": {"a": [1]}, "l": "https://e.example/p?utm_source=x"}, 5)
    assert (event.is_new_party, event.is_first_in_session, event.viewport_width) == (True, False, 100)
    assert event.parameters == {"a": [1]}
    assert event.page is not None
    assert event.page.query["utm_source"] == ["x"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"p": "x"}, "'p' is not an identifier"),
        ({"p": None}, "'p' is missing"),
        ({"e": 5}, "'e' must be a string"),
        ({"c": "soon"}, "'c' must be a whole number"),
        ({"c": 2**70}, "'c' must be"),
        ({"n": 1}, "'n' must be true or false"),
        ({"c": True}, "'c' must be"),
        ({"l": {}}, "'l' must be a string"),
    ],
)
def test_batch_event_errors_name_the_key(change: dict[str, JsonValue], reason: str) -> None:
    with pytest.raises(MalformedEventError, match=reason):
        parse_batch_event({**EVENT, **change}, 0)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events": {}}', b"\xff", b'{"events": [' * 2000])
def test_wrong_batches_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedEventError):
        parse_batch(body)


def test_json_source() -> None:
    event = read_event(parse_document(JSON_BODY), "0:1:a", 7).event
    assert (event.party_id, event.session_id, event.event_id) == ("0:1:a", "0:1:b", "e")
    assert event.client_timestamp_ms == 1769857200250
    assert event.parameters == {"a": 1}
    assert event.is_corrupt is False


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"event_id":"e",', b"", "'event_id' is missing"),
        (b"+01:00", b"", "with an offset"),
        (b"2026-01-31", b"2026-02-31", "with an offset"),
        (b"true", b'"yes"', "'is_new_party' must be"),
        (b"true", b"1.0", "'is_new_party' must be"),
        (b"true", b"[true]", "'is_new_party' must be"),
        (
            b'"event_type"',
            b'"event_typo"',
            "there is an unknown property; allowed are client_address, client_timestamp_iso",
        ),
        (b'"e"', b"{}", "'event_id' must be a string, not dict"),
        (b'"e"', b"null", "'event_id' must be a string"),
        (b'"0:1:b"', b"5", "'session_id' must be a string"),
        (b'{"a":1}', b"NaN", "not JSON: NaN and Infinity"),
        (b'"t"', b'"\xff"', "not JSON: its text is not valid UTF-8"),
        (b"}}", b"}", "not JSON"),
        (b"0:1:b", b"b", "'session_id' is not an identifier"),
    ],
)
def test_json_source_errors_name_the_property(old: bytes, new: bytes, reason: str) -> None:
    with pytest.raises(MalformedEventError, match=reason):
        read_event(parse_document(JSON_BODY.replace(old, new, 1)), "0:1:a", 0)


def test_half_a_surrogate_pair_does_not_take_the_batch_with_it() -> None:
    """`text.slice(0, 100)` cuts an emoji in two, and JSON.stringify writes what is left as an escape."""
    (event,) = parse_batch(rb'{"events": [{"t": "cut \ud83d"}]}')
    assert event == {"t": "cut \N{REPLACEMENT CHARACTER}"}


def test_brackets_in_text_are_no_levels() -> None:
    text = "[{" * 40_000
    (event,) = parse_batch(rb'{"events": [{"l": "\ud83d", "t":"%s"}]}' % text.encode())
    assert event == {"l": "\N{REPLACEMENT CHARACTER}", "t": text}
