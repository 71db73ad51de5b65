"""The archive in a bucket that is slow, full, refuses, or answers nothing: rows wait, and none is lost or doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.archive_process import FIRST_MS, Archive, event, numbers
from tests.support.converter_process import produce
from tests.support.s3_server import Bucket, bucket
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics


@pytest.fixture
def store() -> Iterator[Bucket]:
    with bucket() as running:
        yield running


@pytest.fixture
def archive(kafka: Broker, topics: Topics, store: Bucket, tmp_path: Path) -> Iterator[Archive]:
    settings = store.settings(tmp_path / "secret") | {"file_mib": 1}
    running = Archive(kafka, topics, tmp_path / "archive.log", **settings)
    yield running
    print("archive, its last log lines:", *running.log()[-30:], sep="\n")  # noqa: T201
    if running.process.poll() is None:
        running.kill()


def test_a_bucket_that_refuses_is_full_slow_or_silent_costs_no_row(
    kafka: Broker, topics: Topics, archive: Archive, store: Bucket, tmp_path: Path
) -> None:
    sent = 0

    def send() -> None:
        nonlocal sent
        produce(
            kafka,
            topics.json,
            [event(number, timestamp=FIRST_MS, site="shop") for number in range(sent, sent + 20)],
            sent,
        )
        sent += 20

    send()
    archive.wait("rows_total", 20)
    for refusal in ((403, "AccessDenied"), (507, "InsufficientStorage")):
        store.refuse = refusal
        errors = archive.metric("store_errors_total")
        send()
        archive.wait("store_errors_total", errors + 1)
        assert refusal[1] in str(until(archive.ready, seconds=240, what="an archive that is not ready"))
        assert archive.process.poll() is None
        store.refuse = None
        archive.wait("rows_total", sent)
    store.lost_answers = 3
    send()
    archive.wait("rows_total", sent)
    store.seconds = 0.1
    send()
    archive.wait("rows_total", sent)
    store.seconds = 0
    archive.wait("commits_total", 6)
    until(archive.ready, lambda reason: reason is None, seconds=240)
    verified = archive.run("verify")
    assert verified.stdout.splitlines()[-1].endswith(b" 0 problems"), verified
    archive.kill()
    archive.start()
    send()
    archive.wait("rows_total", 20)
    assert archive.run("export", "--format", "jsonl").stdout.count(b"\n") == sent
    assert archive.stop() == 0
    assert numbers(store.download(tmp_path / "copy")) == list(range(sent))
