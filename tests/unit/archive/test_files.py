"""Where rows go, which files are merged, and which are deleted: decided without Kafka."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from archive import layout, merge, parquet, rows, schema, split
from archive import manifest as manifests
from archive.archiver import Archiver
from archive.errors import NameTakenError, OtherWriterError, StartError, StoreError
from archive.folder import FolderStore
from archive.layout import Range, Source
from archive.manifest import Entry, File, Manifest, Position
from archive.metrics import Metrics
from archive.settings import Settings
from clickstream_service.settings import SettingsError

from infra.paths import SCHEMAS

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = schema.load(SCHEMAS / "clickstream.avsc")
FIRST_MS = int(datetime(2026, 2, 3, 12, tzinfo=UTC).timestamp() * 1000)
NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
MEBIBYTE = 1024 * 1024
SOURCE = Source("tracking-json", "0a1b2c3d", 2)


def line(**fields: object) -> bytes:
    needed = {
        "timestamp": FIRST_MS, "event_id": "e", "event_type": "t", "event_source": "browser", "is_new_party": True,
        "is_first_in_session": True, "is_bot": False, "is_duplicate": False, "is_corrupt": False,
    }  # fmt: skip
    return json.dumps(needed | fields).encode()


def place(first: int, last: int, day: str = "2026-02-03", group: str = "shop") -> Range:
    return Range(layout.events_folder(day, group), SOURCE, first, last)


def file(first: int, last: int, size: int = 10, day: str = "2026-02-03") -> File:
    return File(name=place(first, last, day).name, rows=1, bytes=size, sha256="", hours={})


@pytest.mark.parametrize(
    "bad",
    [
        None, b"", b"null", b"[]", b"{}{}", line()[:-1], line(timestamp="now"), line(timestamp=2**60),
        line(event_id=None), line(viewport_width=2**31), line(city=5), line(engagement_ms=1.5),
        line().replace(b'"e"', b'"\xff"'),
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_costs_no_other(bad: bytes | None) -> None:
    table, unreadable = rows.to_table([line(), bad, line(), line()], [5, 6, 7, 9], 2, EVENTS)
    assert table.column("kafka_offset").to_pylist() == [5, 7, 9]
    assert [index for index, _ in unreadable] == [1]
    assert table.schema == EVENTS.table


def test_fields_of_a_later_schema_are_left_out_and_missing_ones_are_null() -> None:
    table, unreadable = rows.to_table([line(later={"a": 1}) + b"\n"], [0], 0, EVENTS)
    assert (unreadable, table.column("city").to_pylist()) == ([], [None])


def test_an_event_of_an_earlier_schema_has_the_default_of_a_field_that_it_lacks() -> None:
    earlier = json.loads(line())
    del earlier["is_bot"], earlier["event_source"]
    table, unreadable = rows.to_table([json.dumps(earlier).encode(), line(is_bot=True)], [0, 1], 0, EVENTS)
    assert (unreadable, table.column("is_bot").to_pylist()) == ([], [False, True])
    assert table.column("event_source").to_pylist() == ["browser", "browser"]


def test_sites_beyond_the_limit_share_a_folder_that_is_the_same_after_a_restart() -> None:
    table, _ = rows.to_table(
        [line(site=site) for site in ("a", "b", "c", None, "a", "../up", "b")], list(range(7)), 0, EVENTS
    )

    def divided(sites: split.Sites) -> dict[str, list[int]]:
        found = split.events(table, sites)
        return {folder.rpartition("=")[2]: part.column("kafka_offset").to_pylist() for folder, part in found}

    assert divided(split.Sites(2)) == {"a": [0, 4], "b": [1, 6], "_others": [2, 3, 5]}
    known = [layout.events_folder("2026-02-03", group) for group in ("_others", "b", "c")]
    assert divided(split.Sites(2, known)) == {"b": [1, 6], "c": [2], "_others": [0, 3, 4, 5]}


def test_a_name_says_what_is_in_the_file() -> None:
    wanted = place(3, 1_234_567_890_123, group=layout.site_group("köp.example/x"))
    assert layout.read_name(wanted.name) == wanted
    assert layout.read_name("events/day=2026-02-03/site_group=shop/somebody-elses.parquet") is None


def test_small_files_of_a_past_day_are_merged_and_those_of_today_when_they_are_many() -> None:
    past = [file(0, 9), file(10, 19), file(20, 29, MEBIBYTE), file(30, 39)]
    assert merge.due(past, MEBIBYTE, 3, NOW) == past[:2]
    assert merge.due(past[2:], MEBIBYTE, 3, NOW) is None
    today = [file(number, number, day="2026-02-10") for number in range(3)]
    assert merge.due(today[:2], MEBIBYTE, 3, NOW) is None
    assert merge.due(today, MEBIBYTE, 3, NOW) == today


def test_only_files_whose_rows_are_elsewhere_or_will_be_read_again_are_deleted() -> None:
    positions = {("tracking-json", 2): Position(topic="tracking-json", partition=2, log=SOURCE.log, offset=100)}
    found = {
        "listed": place(0, 49).name,
        "part of a merged one": place(10, 19).name,
        "not in the manifest yet": place(100, 120).name,
        "nobody knows": place(60, 70).name,
        "not ours": "events/x.parquet",
        "expired": place(60, 70, "2025-01-01").name,
    }
    useless, unexplained = merge.superfluous(found.values(), [place(0, 49)], positions, "2026-01-01")
    assert set(useless) == {found[name] for name in ("part of a merged one", "not in the manifest yet", "expired")}
    assert set(unexplained) == {found["nobody knows"], found["not ours"]}


def entry(manifest: Manifest, writer: str, *add: File) -> Entry:
    return Entry(sequence=manifest.sequence + 1, written="now", writer=writer, kind="events", add=list(add))


def test_of_two_writers_one_commits_and_the_other_is_told(tmp_path: Path) -> None:
    first, second = Manifest(FolderStore(tmp_path)), Manifest(FolderStore(tmp_path))
    first.commit(entry(first, "first", file(0, 1)))
    with pytest.raises(OtherWriterError):
        second.commit(entry(second, "second", file(0, 1)))
    assert list(Manifest(FolderStore(tmp_path)).files) == [file(0, 1).name]


def test_a_start_stops_an_earlier_process_before_it_deletes_its_files(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path)
    first = Archiver(settings, FolderStore(tmp_path), Metrics())
    start = Position(topic=SOURCE.topic, partition=SOURCE.partition, log=SOURCE.log, offset=0)
    first.begin([start])
    unfinished = tmp_path / place(0, 9).name
    unfinished.parent.mkdir(parents=True)
    unfinished.touch()
    Archiver(settings, FolderStore(tmp_path), Metrics())
    assert not unfinished.exists()
    with pytest.raises(OtherWriterError):
        first.begin([start])


def test_a_reader_leaves_alone_what_is_being_written_and_a_start_deletes_what_was_left(tmp_path: Path) -> None:
    left = FolderStore(tmp_path).workspace / "unfinished"
    left.touch()
    Manifest(FolderStore(tmp_path))
    assert left.exists()
    Archiver(Settings(folder=tmp_path), FolderStore(tmp_path), Metrics())
    assert not left.exists()


def test_an_attempt_that_fails_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    class Away(FolderStore):
        def publish(self, local: Path, name: str) -> None:
            assert local.stat().st_size
            raise StoreError(name)

    store = Away(tmp_path)
    table, _ = rows.to_table([line()], [0], 2, EVENTS)
    for _ in range(3):
        with pytest.raises(StoreError):
            parquet.store(store, place(0, 0), [table], table.schema)
    assert list(store.workspace.iterdir()) == []


def test_a_disk_that_takes_no_file_is_waited_for(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.workspace.rmdir()
    table, _ = rows.to_table([line()], [0], 2, EVENTS)
    with pytest.raises(StoreError, match="No such file or directory"):
        parquet.store(store, place(0, 0), [table], table.schema)


def test_damaged_files_are_left_alone_and_others_are_merged(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    archiver = Archiver(Settings(folder=tmp_path), store, Metrics())
    table, _ = rows.to_table([line()], [0], 2, EVENTS)
    stored = {
        group: [parquet.store(store, place(at, at, group=group), [table], table.schema) for at in (0, 1)]
        for group in ("blog", "shop")
    }
    archiver.manifest.commit(entry(archiver.manifest, "me", *stored["blog"], *stored["shop"]))
    (tmp_path / stored["blog"][1].name).write_bytes(b"PAR1 but not for long")
    while archiver.maintain(NOW):
        pass
    assert sorted(archiver.manifest.files) == sorted(
        [*(file.name for file in stored["blog"]), place(0, 1, group="shop").name]
    )


def test_a_commit_whose_answer_was_lost_can_be_repeated(tmp_path: Path) -> None:
    class Silent(FolderStore):
        def create(self, name: str, content: bytes) -> None:
            super().create(name, content)
            raise NameTakenError(name)

    manifest = Manifest(Silent(tmp_path))
    manifest.commit(entry(manifest, "me", file(0, 1)))
    assert manifest.sequence == 1


def test_a_checkpoint_replaces_the_entries_and_a_sleeper_is_still_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "CHECKPOINT_EVERY", 3)
    sleeper, awake = Manifest(FolderStore(tmp_path)), Manifest(FolderStore(tmp_path))
    for number in range(7):
        awake.commit(entry(awake, "awake", file(number, number)))
        awake.checkpoint()
    names = sorted(path.name for path in (tmp_path / "_manifest").iterdir())
    assert names == ["000000000006.checkpoint", "000000000006.json", "000000000007.json"]
    assert len(Manifest(FolderStore(tmp_path)).files) == 7
    with pytest.raises(OtherWriterError):
        sleeper.commit(entry(sleeper, "sleeper", file(0, 0)))


def test_a_manifest_with_a_gap_is_refused(tmp_path: Path) -> None:
    manifest = Manifest(FolderStore(tmp_path))
    for number in range(3):
        manifest.commit(entry(manifest, "me", file(number, number)))
    (tmp_path / "_manifest" / "000000000002.json").unlink()
    with pytest.raises(StartError, match=r"000000000002\.json: missing"):
        Manifest(FolderStore(tmp_path))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "neither is set"),
        ({"FOLDER": "/x", "BUCKET": "b"}, "both are set"),
        ({"BUCKET": "b", "BUCKET_ACCESS_KEY": "id"}, "only one is set"),
        ({"FOLDER": "/x", "BUCKET_ENDPOINT": "spaces"}, "ARCHIVE_BUCKET_ENDPOINT: "),
    ],
)
def test_settings_that_contradict_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ARCHIVE_{name}", value)
    with pytest.raises(SettingsError, match=said):
        Settings.load()
