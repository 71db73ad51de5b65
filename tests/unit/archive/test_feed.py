"""Past days as lines of JSON over HTTP."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from archive import layout, parquet, reading, rows, schema
from archive.feed import Feed, days, lines
from archive.folder import FolderStore
from archive.layout import Range, Source
from archive.manifest import Entry, File, Manifest

from infra.paths import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENTS = schema.load(SCHEMAS / "clickstream.avsc")
NOON_MS = int(datetime(2026, 2, 3, 12, tzinfo=UTC).timestamp() * 1000)
EVENT = {
    "timestamp": NOON_MS, "client_timestamp": NOON_MS - 5, "event_id": "e", "event_type": "t",
    "event_source": "browser", "is_new_party": True, "is_first_in_session": True, "latitude": 59.3293,
    "page_title": "Smörgåsbord\n\u2028", "site": "shop", "is_bot": False, "is_duplicate": False, "is_corrupt": False,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """An archive of two days: two events and one."""
    made = FolderStore(tmp_path)
    manifest, source, files = Manifest(made), Source("tracking-json", "0a1b2c3d", 0), []
    for number, (day, events) in enumerate({"2026-02-03": 2, "2026-02-04": 1}.items()):
        moment = NOON_MS + number * 86_400_000
        given = [json.dumps(EVENT | {"timestamp": moment, "event_id": f"e{item}"}).encode() for item in range(events)]
        table, _ = rows.to_table(given, list(range(events)), 0, EVENTS)
        place = Range(layout.events_folder(day, "shop"), source, number * 10, number * 10 + 9)
        with parquet.writer(made.workspace / "made", EVENTS.table) as writer:
            writer.write_table(table)
        made.publish(made.workspace / "made", place.name)
        files.append(File(name=place.name, rows=events, bytes=1, sha256="", hours={}))
    letters = Range(layout.dead_letters_folder("2026-02-03"), Source("tracking-dead", "0a1b2c3d", 0), 0, 9)
    files.append(File(name=letters.name, rows=7, bytes=1, sha256="", hours={}))
    manifest.commit(Entry(sequence=1, written="now", writer="w", kind="events", add=files))
    return made


@pytest.fixture
def client(store: FolderStore) -> Iterator[httpx.Client]:
    stop = threading.Event()
    feed = Feed(store, reading.result_schema(EVENTS.table), ("127.0.0.1", 0))
    thread = threading.Thread(target=feed.run, args=(stop,))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{feed.port}", trust_env=False, timeout=60) as made:
        yield made
    stop.set()
    thread.join()


def test_a_day_is_the_events_as_they_were_on_the_topic(client: httpx.Client) -> None:
    answer = client.get("/events/2026-02-03.jsonl")
    assert answer.status_code == httpx.codes.OK
    expected = [EVENT | {"event_id": f"e{number}"} for number in range(2)]
    assert [json.loads(line) for line in answer.content.splitlines()] == expected


def test_a_day_without_events_is_empty(client: httpx.Client) -> None:
    assert client.get("/events/2026-02-05.jsonl").content == b""


@pytest.mark.parametrize("path", ["/", "/events/2026-02-33.jsonl", "/events/2026-02-03", "/events/../2026-02-03.jsonl"])
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == httpx.codes.NOT_FOUND


def test_a_day_is_never_continued_since_its_files_may_have_been_merged(client: httpx.Client) -> None:
    answer = client.get("/events/2026-02-03.jsonl", headers={"Range": "bytes=100-"})
    assert answer.status_code == httpx.codes.NOT_IMPLEMENTED


def test_a_day_that_breaks_off_is_no_complete_response(
    client: httpx.Client, store: FolderStore, tmp_path: Path
) -> None:
    (file,) = tmp_path.glob("events/day=2026-02-03/*/*.parquet")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] + content[-200:])
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/events/2026-02-03.jsonl")
    assert days(store) == {"2026-02-03": 2, "2026-02-04": 1}


def test_rows_are_made_a_thousand_at_a_time() -> None:
    events = [json.dumps(EVENT).encode()] * 2500
    table, _ = rows.to_table(events, list(range(2500)), 0, EVENTS)
    assert [part.count(b"\n") for part in lines([table])] == [1000, 1000, 500]
