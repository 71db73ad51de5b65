"""The archive between a real broker and a folder: every record once, whatever ends the process, readable by anybody."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # type: ignore[attr-defined]

from infra.paths import ROOT
from tests.support.archive_process import FIRST_MS, Archive, environment, event, numbers, query
from tests.support.converter_process import PARTITIONS, produce
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def archive(kafka: Broker, topics: Topics, folder: Path, tmp_path: Path) -> Iterator[Callable[..., Archive]]:
    running: list[Archive] = []

    def start(**settings: object) -> Archive:
        log = tmp_path / f"archive-{len(running)}.log"
        running.append(Archive(kafka, topics, log, **{"folder": folder, **settings}))
        return running[-1]

    yield start
    for one in running:
        # pytest shows it when the test has failed.
        print(f"archive, exit code {one.process.poll()}, its last log lines:", *one.log()[-30:], sep="\n")  # noqa: T201
        if one.process.poll() is None:
            one.kill()


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))


@pytest.fixture(scope="module")
def stored(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Path]]:
    """An archive of sixty events, and its folder; only to be read."""
    folder, topics = tmp_path_factory.mktemp("stored"), kafka.topics(PARTITIONS)
    produce(kafka, topics.json, [event(number) for number in range(60)])
    running = Archive(kafka, topics, folder / "log", folder=folder / "archive")
    try:
        running.wait("rows_total", 60)
        until(running.ready, lambda reason: reason is None, seconds=240, what="a ready archive")
        yield running, folder / "archive"
    finally:
        running.kill()


def test_events_become_files_with_the_types_of_the_schema(stored: tuple[Archive, Path]) -> None:
    running, folder = stored
    assert numbers(folder) == list(range(60))
    (row,) = query(
        "SELECT timestamp, viewport_width, latitude, page_title, is_new_party, site, day, kafka_partition, "  # noqa: S608
        "kafka_offset, typeof(timestamp), typeof(viewport_width), client_timestamp, typeof(day) "
        f"FROM read_parquet('{folder}/events/**/*.parquet') WHERE event_id = 'event-7'"
    )
    assert (row[0].isoformat(), *row[1:6]) == (
        "2026-02-03T19:00:00+00:00", 7, 59.25, "Smörgåsbord\n", False, "shop",
    )  # fmt: skip
    assert (str(row[6]), row[7:9]) == ("2026-02-03", (3, 1))
    assert row[9:] == ("TIMESTAMP WITH TIME ZONE", "INTEGER", None, "DATE")
    assert {name.rpartition("/")[0] for name in files(folder)} == {
        f"events/day=2026-02-0{day}/site_group={site}" for day in (3, 4, 5) for site in ("shop", "blog.example.com")
    }
    assert running.run("verify").stdout.splitlines()[-1].endswith(b"60 rows, 0 problems")


def test_the_documentation_s_examples_for_duckdb_and_pandas_work(stored: tuple[Archive, Path]) -> None:
    _, folder = stored
    text = (ROOT / "docs" / "archive.md").read_text(encoding="utf-8").replace("2026-11-28", "2026-02-03")
    sql, python = (text.partition(f"```{language}\n")[2].partition("```")[0] for language in ("sql", "python"))
    found = query(sql.replace("archive/events", f"{folder}/events"))
    assert [(str(day), events, visitors) for day, events, visitors in found] == [
        ("2026-02-03", 6, 1), ("2026-02-04", 12, 1), ("2026-02-05", 12, 1),
    ]  # fmt: skip
    names: dict[str, Any] = {}
    exec(python.replace("archive/events", f"{folder}/events"), names)  # noqa: S102 - our own page
    assert (len(names["events"]), names["events"].timestamp.dtype.tz.key) == (12, "UTC")


def test_an_export_has_the_events_of_its_span_and_site(stored: tuple[Archive, Path]) -> None:
    wanted = [number for number in range(10, 36) if number % 2]
    for form in ("parquet", "csv", "jsonl"):
        options = ("--from", "2026-02-03T22:00Z", "--to", "2026-02-05", "--site", "shop", "--format", form)
        ran = stored[0].run("export", *options)
        assert (ran.returncode, ran.stderr) == (0, f"{len(wanted)} events\n".encode())
        assert sorted(read(form, ran.stdout)) == sorted(f"event-{number}" for number in wanted)


def read(form: str, content: bytes) -> list[Any]:
    if form == "parquet":
        return list(pq.read_table(pa.BufferReader(content)).column("event_id").to_pylist())
    if form == "csv":
        return [row["event_id"] for row in csv.DictReader(io.StringIO(content.decode()))]
    return [orjson.loads(line)["event_id"] for line in content.splitlines()]


def test_an_archive_whose_manifest_is_gone_is_not_touched(
    stored: tuple[Archive, Path], archive: Callable[..., Archive], folder: Path
) -> None:
    shutil.copytree(stored[1] / "events", folder / "events")
    before = files(folder)
    running = archive()
    assert running.process.wait(240) == 78
    assert "restore it from a backup" in running.log()[-1]["error"]
    assert files(folder) == before


def test_a_damaged_file_is_found(stored: tuple[Archive, Path], archive: Callable[..., Archive], folder: Path) -> None:
    shutil.copytree(stored[1], folder)
    damaged, missing, *_ = files(folder)
    content = bytearray((folder / damaged).read_bytes())
    content[100] ^= 1
    (folder / damaged).write_bytes(content)
    (folder / missing).unlink()
    other = archive()
    other.kill()
    ran = other.run("verify")
    assert ran.returncode == 1
    assert [line.partition(b": ")[0].decode() for line in ran.stdout.splitlines()[:2]] == [damaged, missing]


def test_dead_letters_and_what_is_no_event_are_kept_with_bytes_and_reasons(
    kafka: Broker, topics: Topics, archive: Callable[..., Archive], folder: Path
) -> None:
    producer = Producer({"bootstrap.servers": kafka.address})
    producer.produce(
        topics.dead, b"\x00\xff", timestamp=FIRST_MS,
        headers=[("reason", b"no name"), ("source", b"json"), ("received", b"1"), ("events", b"1")],
    )  # fmt: skip
    producer.produce(
        topics.dead, b"\x80avro", key=b"k", timestamp=FIRST_MS,
        headers=[("number", b"9"), ("dead.stage", b"avro-to-json"), ("dead.topic", b"tracking-avro"),
                 ("dead.partition", b"2"), ("dead.offset", b"77"), ("dead.reason", b"not Avro")],
    )  # fmt: skip
    assert producer.flush(60) == 0
    good = [event(0), event(1)]
    produce(kafka, topics.json, [good[0], b'{"timestamp": "soon"}', b"", good[1]])
    archive().wait("rows_total", 6)
    found = query(
        'SELECT stage, source, reason, topic, partition, "offset", key, value, len(headers) '  # noqa: S608
        f"FROM read_parquet('{folder}/dead_letters/**/*.parquet') ORDER BY stage, reason"
    )
    assert [row[0] for row in found] == ["archive", "archive", "avro-to-json", "collector"]
    assert found[2][1:] == (None, "not Avro", "tracking-avro", 2, 77, b"k", b"\x80avro", 6)
    assert found[3][1:] == ("json", "no name", None, None, None, None, b"\x00\xff", 4)
    assert {(row[3], row[7]) for row in found[:2]} == {(topics.json, b'{"timestamp": "soon"}'), (topics.json, b"")}
    assert numbers(folder) == [0, 1]


def test_a_kill_at_any_step_neither_loses_nor_doubles_a_row(kafka: Broker, topics: Topics, folder: Path) -> None:
    producer = Producer({"bootstrap.servers": kafka.address})
    for number in range(80):
        producer.produce(topics.json, event(number, timestamp=FIRST_MS, site="shop"), partition=number % 2)
    assert producer.flush(60) == 0
    variables = environment(kafka, topics, folder=folder, file_mib=1)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_archive"],
        cwd=ROOT,
        env=variables | {"PYTHONPATH": f"{variables['PYTHONPATH']}:{ROOT}"},
        capture_output=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr.decode()[-3000:]
    assert set(json.loads(ran.stdout.splitlines()[-1])) == {
        "create _manifest",
        "publish events",
        "publish _manifest",
        "delete",
    }
    assert numbers(folder) == list(range(80))
    verified = subprocess.run(
        [sys.executable, "-m", "archive", "verify"], env=variables, capture_output=True, check=False, timeout=240
    )
    assert verified.stdout.splitlines()[-1].endswith(b"80 rows, 0 problems")


def test_the_service_killed_while_events_come_goes_on_where_it_was(
    kafka: Broker, topics: Topics, archive: Callable[..., Archive], folder: Path
) -> None:
    running = archive()
    for round_ in range(2):
        produce(kafka, topics.json, [event(number) for number in range(round_ * 100, round_ * 100 + 100)])
        until(lambda: numbers_or_none(folder)[round_ * 100 :], seconds=240, pause=0.5, what="the first of them")  # noqa: B023
        running.kill()
        running.start()
    until(lambda: numbers_or_none(folder), lambda found: len(found) >= 200, seconds=240, pause=0.5)
    assert numbers(folder) == list(range(200))


def numbers_or_none(folder: Path) -> list[int]:
    """Files may be deleted while they are read, and at first there are none."""
    try:
        return numbers(folder)
    except Exception:  # noqa: BLE001 - DuckDB's, whatever it is
        return []


def test_a_second_archive_of_the_same_folder_stops_and_doubles_nothing(
    kafka: Broker, topics: Topics, archive: Callable[..., Archive], folder: Path
) -> None:
    first = archive()
    first.wait("commits_total", 1)
    until(first.ready, lambda reason: reason is None, seconds=240)
    second = archive()
    until(second.ready, lambda reason: reason is None, seconds=240)
    produce(kafka, topics.json, [event(number) for number in range(20)])
    until(lambda: [one.process.poll() for one in (first, second)], lambda codes: 1 in codes, seconds=240)
    survivor, loser = (first, second) if second.process.poll() == 1 else (second, first)
    assert any("another process" in line["event"] for line in loser.log())
    survivor.wait("rows_total", 20)
    loser.start()  # as the swarm does, whose survivor is gone by then
    assert survivor.stop() in (0, 1)
    produce(kafka, topics.json, [event(number) for number in range(20, 40)], 20)
    loser.wait("rows_total", 20)
    assert numbers(folder) == list(range(40))


def test_a_topic_that_was_made_again_and_new_partitions_are_read(
    kafka: Broker, topics: Topics, archive: Callable[..., Archive], folder: Path
) -> None:
    produce(kafka, topics.json, [event(number) for number in range(8)])
    running = archive()
    running.wait("rows_total", 8)
    assert running.stop() == 0
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.delete_topics([topics.json])[topics.json].result(30)
    until(lambda: topics.json in admin.list_topics(timeout=10).topics, lambda there: not there, seconds=240)
    again = NewTopic(topics.json, PARTITIONS - 1, 1, config={"retention.ms": "-1"})
    until(lambda: admin.create_topics([again])[topics.json].result(30) is None, seconds=240, retry_on=(Exception,))
    admin.create_partitions([NewPartitions(topics.json, PARTITIONS)])[topics.json].result(30)
    produce(kafka, topics.json, [event(number) for number in range(8, 16)], 8)
    running.start()
    running.wait("rows_total", 8)
    assert numbers(folder) == list(range(16))
    logs = {name.rpartition("/")[2].rsplit("-", 4)[1] for name in files(folder)}
    assert len(logs) == 2
