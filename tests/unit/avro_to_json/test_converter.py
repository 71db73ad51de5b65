"""Conversion: equal to fastavro and json for every record, whatever stands beside it in the batch."""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from avro_to_json import schema as schemas
from avro_to_json.arrow import ArrowConverter
from avro_to_json.converter import RAW_ID, Bad, Converted, Converter
from avro_to_json.errors import SchemaError
from avro_to_json.settings import Framing, Settings
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.records import SCHEMA, SCHEMA_FILE, datums, encode, records

if TYPE_CHECKING:
    from pathlib import Path

READER = schemas.parse(json.dumps(SCHEMA), "clickstream.avsc")
BATCH = datums(64)
POISON = {
    "empty": b"",
    "one byte": b"\x80",
    "truncated": BATCH[0][:-1],
    "followed by a byte": BATCH[0] + b"\x00",
    "two records": BATCH[0] + BATCH[1],
    "json": b'{"timestamp": 1}',
    "no such union branch": b"\x02\x08" + BATCH[0][2:],
    "a length beyond the end": b"\x02\x00\xfe\xff\xff\xff\x0f",
    "not UTF-8": encode(next(records(1)) | {"browser_name": "QQQQQQ"}).replace(b"QQQQQQ", b"\xff\xfe\x80QQQ"),
    "framed": b"\x00\x00\x00\x00\x01" + BATCH[0],
}


def converter(**options: Any) -> Converter:
    return Converter(READER, {RAW_ID: READER}, **options)


def plain(datum: bytes) -> dict[str, Any]:
    """The yardstick: fastavro's own reading, with timestamps as the numbers that were written."""
    record = fastavro.schemaless_reader(io.BytesIO(datum), READER.parsed, None)
    assert isinstance(record, dict)
    return record


def parsed(line: Converted) -> dict[str, Any]:
    assert isinstance(line, bytes), line
    record = json.loads(line)
    assert isinstance(record, dict)
    return record


def test_the_platforms_schema_takes_the_fast_route() -> None:
    assert ArrowConverter.fits(READER, READER)


def test_every_record_equals_fastavro_and_json() -> None:
    data = datums(3000, seed=7)
    for datum, line in zip(data, converter().convert(data), strict=True):
        assert parsed(line) == plain(datum)
        assert list(parsed(line)) == [field["name"] for field in SCHEMA["fields"]], "the schema's own order"


def test_nulls_are_left_out_when_asked() -> None:
    for datum, line in zip(BATCH, converter(keep_nulls=False).convert(BATCH), strict=True):
        assert parsed(line) == {name: value for name, value in plain(datum).items() if value is not None}


@pytest.mark.parametrize("size", [1, 64], ids=["reference", "fast"])
def test_timestamps_become_iso_when_asked(size: int) -> None:
    data = [encode({**record, "timestamp": 1_770_000_000_007, "client_timestamp": None}) for record in records(size)]
    for line in converter(iso_timestamps=True).convert(data):
        assert parsed(line)["timestamp"] == "2026-02-02T02:40:00.007Z"
        assert parsed(line)["client_timestamp"] is None


def test_a_timestamp_without_an_iso_form_is_bad_and_alone() -> None:
    data = [*BATCH[:40], encode({**next(records(1)), "timestamp": 2**62}), *BATCH[40:]]
    lines = converter(iso_timestamps=True).convert(data)
    assert [isinstance(line, Bad) for line in lines].count(True) == 1
    assert isinstance(lines[40], Bad)
    assert "outside the years" in lines[40].reason


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
@pytest.mark.parametrize("size", [3, 40])
def test_poison_at_every_position_is_told_apart_and_the_others_convert(poison: bytes, size: int) -> None:
    clean = converter().convert(BATCH[:size])
    for position in range(size + 1):
        lines = converter().convert([*BATCH[:position], poison, *BATCH[position:size]])
        assert isinstance(lines[position], Bad), f"at {position}: {lines[position]!r}"
        assert lines[:position] + lines[position + 1 :] == clean


def test_a_batch_of_nothing_but_poison_gives_a_reason_each() -> None:
    lines = converter().convert(list(POISON.values()) * 10)
    assert all(isinstance(line, Bad) and line.reason for line in lines)


def test_a_tombstone_is_bad_not_a_crash() -> None:
    values = [BATCH[0], None, *BATCH[1:30]]
    lines = converter().convert(values)
    assert isinstance(lines[1], Bad)
    assert [lines[0], *lines[2:]] == converter().convert(BATCH[:30])


def test_numbers_without_a_json_form_become_null_on_both_routes() -> None:
    data = [encode({**record, "latitude": float("nan"), "longitude": float("-inf")}) for record in records(40)]
    for line in converter().convert(data) + converter().convert(data[:1]):
        assert parsed(line)["latitude"] is None
        assert parsed(line)["longitude"] is None


TEXT = st.none() | st.text(max_size=40)
EXTREME = st.fixed_dictionaries(
    {
        "timestamp": st.integers(-(2**63), 2**63 - 1),
        "event_id": st.text(max_size=20),
        "is_bot": st.booleans(),
        "viewport_width": st.none() | st.integers(-(2**31), 2**31 - 1),
        "engagement_ms": st.none() | st.integers(-(2**63), 2**63 - 1),
        "latitude": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "location": TEXT,
        "parameters": TEXT,
        "utm_campaign": TEXT,
    }
)


@settings(max_examples=60)
@given(st.lists(EXTREME, min_size=20, max_size=30))
def test_any_values_of_the_schema_convert_as_fastavro_and_json_do(changes: list[dict[str, Any]]) -> None:
    base = next(records(1))
    for datum, line in zip(*_both([encode({**base, **change}) for change in changes]), strict=True):
        assert parsed(line) == json.loads(json.dumps(plain(datum)))


@settings(max_examples=60)
@given(st.data())
def test_damaged_bytes_give_the_references_verdict_in_any_company(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(BATCH)))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    datum = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    alone = converter().convert([datum])[0]
    among = converter().convert([*BATCH[:25], datum, *BATCH[25:50]])[25]
    if isinstance(alone, Bad):
        assert among == alone
    else:
        assert parsed(among) == parsed(alone)


def _both(data: list[bytes]) -> tuple[list[bytes], list[Any]]:
    return data, list(converter().convert(data))


def changed(fields: list[dict[str, Any]], **types: Any) -> schemas.Schema:
    """The platform's schema with other fields, and some of them of another type."""
    fields = [
        {"name": field["name"], "type": types[field["name"]]} if field["name"] in types else field for field in fields
    ]
    return schemas.parse(json.dumps({**SCHEMA, "fields": fields}), "changed.avsc")


FIELDS = SCHEMA["fields"]
VERSIONS = {
    "older": changed(FIELDS[:30]),
    "newer": changed([*FIELDS, {"name": "consent", "type": ["null", "string"], "default": None}]),
    "in another order": changed(FIELDS[::-1]),
    "narrower": changed(FIELDS, timestamp="int", engagement_ms=["null", "int"], latitude=["null", "long"]),
    "without nulls": changed(FIELDS, city="string", viewport_width="int"),
}


@pytest.mark.parametrize("writer", VERSIONS.values(), ids=VERSIONS.keys())
@pytest.mark.parametrize("iso", [False, True], ids=["millis", "iso"])
def test_another_version_of_the_schema_is_fast_too_and_equals_fastavros_resolution(
    writer: schemas.Schema, *, iso: bool
) -> None:
    assert ArrowConverter.fits(writer, READER)
    data = []
    for record in records(200):
        extreme = {"timestamp": 1_770_000_000, "latitude": 10**15 + 1, "city": "Lund", "consent": "yes"}
        out = io.BytesIO()
        fastavro.schemaless_writer(out, writer.parsed, record | extreme)
        data.append(out.getvalue())
    both = Converter(READER, {RAW_ID: writer}, iso_timestamps=iso)
    lines = both.convert(data)
    for datum, line in zip(data, lines, strict=True):
        assert parsed(line) == parsed(both.convert([datum])[0]), "the reference alone"
        if not iso:
            resolved = fastavro.schemaless_reader(io.BytesIO(datum), writer.parsed, READER.parsed)
            assert parsed(line) == resolved
        assert list(parsed(line)) == [field["name"] for field in FIELDS]


OLD = schemas.parse(json.dumps({**SCHEMA, "fields": SCHEMA["fields"][:10]}), "1.avsc")
WRITERS = {1: OLD, 7: READER}


class TestConfluentFraming:
    """A zero byte and the writer schema's id before the datum."""

    def frame(self, number: int, datum: bytes) -> bytes:
        return struct.pack(">bI", 0, number) + datum

    def converter(self) -> Converter:
        return Converter(READER, WRITERS, framing=Framing.CONFLUENT)

    def test_each_record_is_read_with_the_schema_that_it_names(self) -> None:
        record = next(records(1))
        out = io.BytesIO()
        fastavro.schemaless_writer(out, OLD.parsed, record)
        values = [self.frame(7, datum) for datum in BATCH]
        values.insert(5, self.frame(1, out.getvalue()))
        lines = self.converter().convert(values)
        assert lines[:5] + lines[6:] == converter().convert(BATCH)
        assert parsed(lines[5]) == {
            **{field["name"]: field.get("default") for field in SCHEMA["fields"]},
            **{field["name"]: record[field["name"]] for field in SCHEMA["fields"][:10]},
        }

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (b"", "not Confluent framing"),
            (b"\x00\x00\x00\x00", "not Confluent framing"),
            (b"\x01\x00\x00\x00\x07rest", "not Confluent framing"),
            (b"\x00\x00\x00\x00\x63" + BATCH[0], "schema id 99 is unknown; known are 1, 7"),
        ],
    )
    def test_a_bad_frame_is_bad_with_its_reason(self, value: bytes, reason: str) -> None:
        bad = self.converter().convert([value])[0]
        assert isinstance(bad, Bad)
        assert reason in bad.reason

    def test_an_unreadable_writer_schema_is_refused_at_start_naming_id_and_field(self) -> None:
        changed = [{**field, "type": "string"} if field["name"] == "timestamp" else field for field in SCHEMA["fields"]]
        wrong = schemas.parse(json.dumps({**SCHEMA, "fields": changed}), "9.avsc")
        with pytest.raises(SchemaError, match="writer schema 9: timestamp: written as string"):
            Converter(READER, {9: wrong}, framing=Framing.CONFLUENT)

    def test_the_readers_own_id_and_a_folder_of_older_schemas_make_the_writers(self, tmp_path: Path) -> None:
        (tmp_path / "1.avsc").write_text(json.dumps({**SCHEMA, "fields": FIELDS[:10]}))
        given: dict[str, Any] = {"framing": Framing.CONFLUENT, "schema_id": 2, "schema_file": SCHEMA_FILE}
        both = Converter.of(Settings(writer_schemas_dir=tmp_path, **given))
        only = Converter.of(Settings(**given))
        assert both.convert([self.frame(2, BATCH[0])]) == only.convert([self.frame(2, BATCH[0])])
        assert isinstance(only.convert([self.frame(1, b"")])[0], Bad)

    def test_two_schemas_under_one_id_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "2.avsc").write_text(json.dumps({**SCHEMA, "fields": FIELDS[:10]}))
        given = Settings(framing=Framing.CONFLUENT, schema_id=2, schema_file=SCHEMA_FILE, writer_schemas_dir=tmp_path)
        with pytest.raises(SchemaError, match="a changed schema needs a new id"):
            Converter.of(given)

    def test_a_file_that_is_no_id_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "old.avsc").write_text(json.dumps(SCHEMA))
        given = Settings(framing=Framing.CONFLUENT, schema_file=SCHEMA_FILE, writer_schemas_dir=tmp_path)
        with pytest.raises(SchemaError, match="the file must be named after the schema's id"):
            Converter.of(given)


EARLIER_FIELDS = SCHEMA["fields"][:-1]
EARLIER = schemas.parse(json.dumps({**SCHEMA, "fields": EARLIER_FIELDS}), "1.avsc", as_json=False)
FIRST = schemas.parse(json.dumps({**SCHEMA, "fields": EARLIER_FIELDS[:-1]}), "0.avsc", as_json=False)


@pytest.mark.parametrize("size", [3, 64])
def test_raw_records_of_earlier_schemas_are_read_beside_those_of_the_current_one(size: int) -> None:
    kept = list(records(size))
    data: list[bytes | None] = []
    for number, record in enumerate(kept):
        schema = (READER, EARLIER, FIRST)[number % 3]
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, schema.parsed, record)
        data.append(stream.getvalue())
    lines = converter(older={0: FIRST, 1: EARLIER}).convert(data)
    names = [field["name"] for field in SCHEMA["fields"]]
    for number, (line, record) in enumerate(zip(lines, kept, strict=True)):
        found = parsed(line)
        for name in names[: len(names) - number % 3]:
            if name not in ("timestamp", "client_timestamp"):
                assert found[name] == record.get(name), name
        assert list(found) == names


def test_what_is_no_record_of_any_schema_is_bad_for_the_reason_that_the_current_one_gives() -> None:
    (bad,) = converter(older={1: EARLIER}).convert([b"\x80"])
    (without,) = converter().convert([b"\x80"])
    assert bad == without
    assert isinstance(bad, Bad)


def test_the_committed_earlier_schemas_can_be_read_and_only_lack_the_last_fields() -> None:
    current = [field["name"] for field in SCHEMA["fields"]]
    folder = SCHEMA_FILE.parent / "writers"
    earlier = sorted(folder.glob("*.avsc"), key=lambda path: int(path.stem))
    for path in earlier:
        fields = [field["name"] for field in json.loads(path.read_text())["fields"]]
        assert fields == current[: len(fields)], path.name
        assert len(fields) < len(current), path.name
    Converter.of(Settings(schema_file=SCHEMA_FILE, writer_schemas_dir=folder, bootstrap_servers="x"))
