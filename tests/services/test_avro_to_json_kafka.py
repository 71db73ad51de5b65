"""What avro-to-json makes of records, read back from a real broker: all of them, as they were, JSON or dead letter."""

from __future__ import annotations

import io
import json
import os
import struct
from typing import TYPE_CHECKING, Any

import fastavro
from confluent_kafka import Message, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,  # pyright: ignore[reportPrivateImportUsage]
    ConfigEntry,  # pyright: ignore[reportPrivateImportUsage]
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    NewPartitions,  # pyright: ignore[reportPrivateImportUsage]
)

from benchmarks.records import PARSED, SCHEMA, SCHEMA_FILE, datums, records
from tests.support.converter_process import (
    PARTITIONS,
    PATIENCE,
    START_MS,
    Converter,
    committed,
    numbers,
    produce,
)
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics

DATA = datums(2000)
PLAIN = fastavro.parse_schema(json.loads(json.dumps(SCHEMA).replace("logicalType", "wasLogicalType")))
"""Reads timestamps as the numbers that they are."""
NOTICE = fastavro.parse_schema(json.loads(SCHEMA_FILE.with_name("dead_letter.avsc").read_text()))
POISON = b"\x80poison"


def headers(message: Message) -> dict[str, Any]:
    return dict(message.headers() or [])


def test_records_keep_key_partition_time_and_headers_and_become_what_fastavro_and_json_make_of_them(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter()
    produce(kafka, topics.avro, DATA)
    found = committed(kafka, topics.json, len(DATA))
    assert numbers(found) == {partition: list(range(partition, len(DATA), PARTITIONS)) for partition in range(4)}
    for message in found:
        number = int(message.key() or b"")
        assert json.loads(message.value() or b"") == fastavro.schemaless_reader(io.BytesIO(DATA[number]), PLAIN, None)
        assert message.timestamp()[1] == START_MS + number
        assert message.headers() == [("number", str(number).encode())]
    assert running.stop() == 0


def test_unusual_keys_and_headers_come_through_as_they_are(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    sent: list[tuple[bytes | None, Any]] = [
        (None, None),
        (b"", [("", b"")]),
        (b"\x00\xff", [("twice", b"1"), ("twice", b"2"), ("none", None), ("bytes", b"\xff\x00")]),
        (b"k" * 5000, [("dead.topic", b"not ours")]),
    ]
    converter()
    producer = Producer({"bootstrap.servers": kafka.address, "enable.idempotence": True})
    for number, (key, given) in enumerate(sent):
        producer.produce(topics.avro, DATA[number], key, 0, headers=given)
    producer.flush(30)
    assert [(message.key(), message.headers()) for message in committed(kafka, topics.json, len(sent))] == sent


def test_metrics_say_what_came_in_went_out_and_died_and_readiness_that_all_is_done(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(ready_max_lag="0")
    until(running.ready, lambda reason: reason is None, what="ready on empty topics", seconds=PATIENCE)
    produce(kafka, topics.avro, [*DATA[:1000], POISON, POISON])
    committed(kafka, topics.json, 1000)
    committed(kafka, topics.dead, 2)
    until(running.ready, lambda reason: reason is None, what="ready after the last record", seconds=PATIENCE)
    metrics = {name.removeprefix("avro_to_json_"): value for name, value in running.metrics().items()}
    counts = {name: metrics[f"records_{name}_total"] for name in ("in", "out", "dead")}
    assert counts == {"in": 1002, "out": 1000, "dead": 2}
    assert {metrics[f'lag_records{{partition="{number}"}}'] for number in range(PARTITIONS)} == {0}
    assert metrics["batch_records_sum"] == 1002
    assert metrics["latency_seconds_count"] == metrics['batches_total{outcome="committed"}'] > 0
    assert metrics["assigned_partitions"] == PARTITIONS
    assert metrics["bytes_in_total"] == sum(map(len, DATA[:1000])) + 2 * len(POISON)


def test_a_backlog_makes_the_converter_alive_but_not_ready_and_says_where(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    produce(kafka, topics.avro, DATA)
    # A record a transaction: slow enough to be seen behind.
    running = converter(ready_max_lag="10", batch_max_records="1")
    until(
        lambda: "behind by more than 10 records: {" in str(running.ready()),
        what="a backlog that is told",
        seconds=PATIENCE,
    )
    assert running.metrics()['avro_to_json_lag_records{partition="0"}'] > 10


def test_poison_in_every_position_goes_aside_and_comes_back_after_a_replay(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    # Every stretch of 41 has its poison one place further on, so batches of any size meet it everywhere.
    values = [POISON if number % 41 == number // 41 % 41 else DATA[number % 2000] for number in range(1800)]
    bad = [number for number, value in enumerate(values) if value is POISON]
    running = converter(batch_max_records="41")
    produce(kafka, topics.avro, values)
    good = committed(kafka, topics.json, len(values) - len(bad))
    dead = committed(kafka, topics.dead, len(bad))
    assert len(good) == len(values) - len(bad)
    assert sorted(int(message.key() or b"") for message in dead) == bad
    for message in dead:
        marks = headers(message)
        number = int(marks["number"])
        assert message.value() == POISON
        assert message.timestamp()[1] == START_MS + number
        assert marks["dead.topic"] == topics.avro.encode()
        assert int(marks["dead.partition"]) == number % PARTITIONS
        assert int(marks["dead.offset"]) == number // PARTITIONS
        assert b"not a record of the schema" in marks["dead.reason"]
    notices = [json.loads(message.value() or b"") for message in committed(kafka, topics.notices, len(bad))]
    assert sorted(notice["timestamp"] - START_MS for notice in notices) == bad
    for notice in notices:
        assert fastavro.validate(notice, NOTICE)
        assert (notice["stage"], notice["topic"], notice["bytes"]) == ("avro-to-json", topics.avro, len(POISON))
        assert "not a record of the schema" in notice["reason"]

    # Nothing was fixed: what is replayed must die again, once each.
    for where in (["--from-beginning"], []):
        replay = converter()
        replay.kill()
        replay.start("replay-dead", *where)
        assert replay.process.wait(60) == 0
        assert replay.events("replayed"), replay.log()
    assert len(committed(kafka, topics.dead, 3 * len(bad))) == 3 * len(bad)
    assert numbers(committed(kafka, topics.json, len(good))) == numbers(good)
    assert running.stop() == 0


def test_a_replay_after_the_fix_puts_the_records_where_they_belong(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter], tmp_path: Path
) -> None:
    newer = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "consent", "type": "string"}]}
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    values = []
    for number, record in enumerate(records(400)):
        out = io.BytesIO(struct.pack(">bI", 0, 1 + number % 2))
        out.seek(0, io.SEEK_END)
        fastavro.schemaless_writer(out, newer if number % 2 else PARSED, {**record, "consent": "yes"})
        values.append(out.getvalue())
    settings = {
        "framing": "confluent",
        "schema_id": "1",
        "writer_schemas_dir": str(schemas),
        "timestamp_format": "iso",
        "keep_nulls": "false",
    }
    before = converter(**settings)
    produce(kafka, topics.avro, values)
    dead = committed(kafka, topics.dead, 200)
    assert {headers(message)["dead.reason"] for message in dead} == {b"schema id 2 is unknown; known are 1"}
    assert before.stop() == 0

    (schemas / "2.avsc").write_text(json.dumps(newer))
    converter(**settings)
    replay = converter(**settings)
    replay.kill()
    replay.start("replay-dead", "--from-beginning")
    assert replay.process.wait(60) == 0
    found = {int(message.key() or b""): message for message in committed(kafka, topics.json, 400)}
    assert len(committed(kafka, topics.dead, 200)) == 200
    for number, record in enumerate(records(400)):
        message = found[number]
        event = json.loads(message.value() or b"")
        assert (message.partition(), message.timestamp()[1]) == (number % PARTITIONS, START_MS + number)
        assert message.headers() == [("number", str(number).encode())]
        assert event.pop("timestamp") == f"2026-02-02T02:40:00.{number:03d}Z"
        assert event.pop("client_timestamp").startswith("2026-02-02T02:")
        kept = {name: value for name, value in record.items() if value is not None and "timestamp" not in name}
        assert event == kept


def test_an_incompatible_schema_is_refused_at_start_with_the_fields_named(
    converter: Callable[..., Converter], tmp_path: Path
) -> None:
    fields = [field for field in SCHEMA["fields"] if field["name"] not in ("event_id", "is_bot")]
    writer = tmp_path / "writer.avsc"
    writer.write_text(json.dumps({**SCHEMA, "fields": [*fields, {"name": "is_bot", "type": "string"}]}))
    running = converter(writer_schema_file=str(writer))
    assert running.process.wait(20) == os.EX_CONFIG
    said = running.events("can't start")[0]["error"]
    assert "event_id: not written, and the reader has no default for it" in said
    assert "is_bot: written as string, but the reader takes boolean" in said


def test_a_topic_with_too_few_partitions_is_refused_with_the_reason(
    kafka: Broker, converter: Callable[..., Converter]
) -> None:
    running = converter(output_topic=kafka.topics(1).json)
    assert running.process.wait(20) == os.EX_CONFIG
    assert "the output needs at least as many" in running.events("can't start")[0]["error"]


def test_json_over_the_limit_is_a_dead_letter_not_a_standstill(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    converter(max_record_bytes="1600")
    produce(kafka, topics.avro, DATA)
    events = [len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()) for event in records(2000)]
    clearly_over = sum(size > 1600 for size in events)
    dead = committed(kafka, topics.dead, clearly_over)
    good = committed(kafka, topics.json, len(DATA) - len(dead))
    assert clearly_over
    assert len(dead) >= clearly_over
    assert len(good) + len(dead) == len(DATA)
    assert all(b"too large as JSON" in headers(message)["dead.reason"] for message in dead)


def test_batches_stay_within_the_limits_of_the_topics(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    limit(kafka, topics.json, 20_000)
    limit(kafka, topics.dead, 20_000)
    converter(compression="none")
    produce(kafka, topics.avro, [*DATA, *[POISON * 500] * 40])
    assert len(committed(kafka, topics.json, len(DATA))) == len(DATA)
    assert len(committed(kafka, topics.dead, 40)) == 40


def test_poison_too_large_for_any_topic_leaves_its_place_and_the_stream_goes_on(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    limit(kafka, topics.dead, 20_000)
    running = converter()
    # The input's limit holds for compressed bytes: three megabytes of one letter pass it.
    ordered = {"bootstrap.servers": kafka.address, "enable.idempotence": True}
    producer = Producer({**ordered, "compression.type": "zstd", "message.max.bytes": 10**7})
    for value in (DATA[0], b"x" * 3_000_000, DATA[1]):
        producer.produce(topics.avro, value, b"1", 0)
    assert producer.flush(30) == 0
    assert len(committed(kafka, topics.json, 2)) == 2
    (letter,) = committed(kafka, topics.dead, 1)
    marks = headers(letter)
    assert (letter.value(), int(marks["dead.offset"])) == (None, 1)
    assert int(marks["dead.left_out"]) > 3_000_000
    assert running.stop() == 0
    running.start("replay-dead", "--from-beginning")
    assert running.process.wait(60) == 0
    assert running.events("replayed")[0]["left"] == 1


def test_partitions_added_while_running_are_converted_too(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(kafka_properties='{"topic.metadata.refresh.interval.ms": 1000}')
    until(lambda: running.events("assigned"), what="an assignment", seconds=PATIENCE)
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for name in (topics.json, topics.avro):
        for future in admin.create_partitions([NewPartitions(name, PARTITIONS + 2)]).values():
            future.result(30)
    producer = Producer({"bootstrap.servers": kafka.address, "enable.idempotence": True})
    for number in range(60):
        producer.produce(topics.avro, DATA[number], str(number), number % (PARTITIONS + 2))
    assert producer.flush(30) == 0
    found = numbers(committed(kafka, topics.json, 60))
    assert found == {partition: list(range(partition, 60, 6)) for partition in range(6)}


def limit(kafka: Broker, topic: str, most: int) -> None:
    """Let the topic take batches of at most so many bytes."""
    entry = ConfigEntry("max.message.bytes", str(most), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)
