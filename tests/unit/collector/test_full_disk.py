"""Every write of the collector that needs room on the disk, without it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from collector.delivery.message import Message
from collector.delivery.spool import Spool
from collector.delivery.spool_files import SpoolFiles
from collector.delivery.spool_format import SpooledMessage, encode_frame
from collector.enrich.allocated_map import map_allocated
from collector.enrich.duplicates import DuplicateMemory
from collector.enrich.privacy import DailySalt

from tests.support.async_waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 86_400_000
PAGE = 4096


def no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def frame(number: int) -> bytes:
    return encode_frame(SpooledMessage("topic", None, b"value", number, None))


def numbers(files: SpoolFiles) -> Iterator[int]:
    """Numbers of the messages that are replayed."""
    while True:
        messages, cursor = files.read(3)
        if not messages:
            return
        yield from (message.timestamp_ms for message in messages)
        files.advance(cursor)


@pytest.fixture
def files(tmp_path: Path) -> SpoolFiles:
    return SpoolFiles(tmp_path, 1 << 20, 1 << 30)


def test_failed_writes_leave_no_files(files: SpoolFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.append(frame(1))
    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", no_space)
        for number in range(2, 20):
            with pytest.raises(OSError, match="No space left"):
                files.append(frame(number))
    assert len(list(tmp_path.glob("*.log"))) == 1
    files.append(frame(20))
    assert list(numbers(files)) == [1, 20]


def test_a_spool_that_was_full_takes_as_much_again_once_it_is_replayed(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path, 1 << 20, 1000)
    most = b"".join(frame(number) for number in range(26))
    for _ in range(3):
        files.append(most)
        with pytest.raises(OSError, match="may hold 1000"):
            files.append(most)
        messages, cursor = files.read(100)
        assert len(messages) == 26
        files.advance(cursor)
        assert (files.pending_bytes, files.size) == (0, 0)


def test_a_spool_that_is_full_is_not_called_healthy(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path, 1 << 20, 1000)
    files.append(b"".join(frame(number) for number in range(26)))
    with pytest.raises(OSError, match="may hold 1000"):
        files.probe()
    list(numbers(files))
    files.probe()


def test_a_torn_tail_is_no_obstacle(files: SpoolFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.append(frame(1) + frame(2))
    files.close()
    (segment,) = tmp_path.glob("*.log")
    with segment.open("ab") as file:
        file.write(frame(3)[:-1])
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", no_space)
        reopened = SpoolFiles(tmp_path, 1 << 20, 1 << 30)
    assert list(numbers(reopened)) == [1, 2]


def test_a_refused_message_is_kept_with_its_segment(
    files: SpoolFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.append(frame(1) + frame(2))
    _, cursor = files.read(10)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_space)
        files.keep_refused(frame(1))
    files.advance(cursor)
    assert not list(tmp_path.glob("*.log"))
    assert [frame(1) in path.read_bytes() for path in tmp_path.glob("*.refused")] == [True]


async def test_a_spool_is_opened_as_soon_as_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", no_space)
        spool = Spool(tmp_path, 1 << 20, 1 << 30)
        assert [spool.is_healthy, spool.is_empty, spool.directory] == [False, True, None]
        problems: list[str | None] = []
        spool.append(Message("topic", None, b"value", 1, problems.append))
        await until(lambda: problems, seconds=10)
        assert problems == ["the spool cannot be written"]
        await spool.check()
        assert not spool.is_healthy
    await spool.check()
    assert [spool.is_healthy, spool.directory] == [True, tmp_path / "slot-00"], "it takes the first slot, not one more"
    spool.append(Message("topic", None, b"value", 2, problems.append))
    await spool.close()
    assert problems[1:] == [None]


def test_the_table_of_duplicates_has_all_its_room(tmp_path: Path) -> None:
    file = tmp_path / "table"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 20)
        sparse.seek(PAGE)
        sparse.write(b"known")
    with map_allocated(file, 1 << 20) as table:
        assert file.stat().st_blocks * 512 >= 1 << 20
        assert table[PAGE : PAGE + 5] == b"known"


def test_a_table_of_another_size_does_not_end_a_collector_that_has_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "table"
    with map_allocated(file, 4 * PAGE) as old, map_allocated(file, PAGE) as new:
        old[3 * PAGE] = 1  # SIGBUS if the file were cut
        assert (len(new), file.stat().st_size) == (PAGE, PAGE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table", "table.lock"]


def test_without_room_duplicates_are_recognised_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state" / "table"
    before = DuplicateMemory(1024, 600, file)
    before.confirm(before.check("p", "s", "earlier")[0])
    before.close()
    with monkeypatch.context() as patch:
        patch.setattr("os.posix_fallocate", no_space)
        memory = DuplicateMemory(1024, 600, file)
    assert not memory.is_on_disk
    assert memory.check("p", "s", "earlier")[1], "what the file knows is known"
    memory.confirm(memory.check("p", "s", "later")[0])
    assert memory.check("p", "s", "later")[1]
    memory.close()
    after = DuplicateMemory(1024, 600, file)
    assert after.is_on_disk
    assert [after.check("p", "s", event)[1] for event in ("earlier", "later")] == [True, False]


def test_a_new_table_without_room_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.posix_fallocate", no_space)
    memory = DuplicateMemory(1024, 600, tmp_path / "table")
    assert not memory.is_on_disk
    assert [path.name for path in tmp_path.iterdir()] == ["table.lock"]


def test_a_file_that_cannot_be_used_for_another_reason_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    with pytest.raises(OSError, match="table"):
        DuplicateMemory(1024, 600, tmp_path / "table")


def test_without_room_the_salt_is_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "salt"
    DailySalt(None, file).of(DAY)
    salt = DailySalt(None, file)
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", no_space)
        today = salt.of(2 * DAY)
        assert salt.of(2 * DAY + 1) == today
    assert not file.exists(), "the salt of yesterday is not kept"
    assert DailySalt(None, file).of(2 * DAY) != today


def test_a_salt_that_was_cut_short_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "salt"
    DailySalt(None, file).of(DAY)
    file.write_bytes(file.read_bytes()[:-10])
    salt = DailySalt(None, file).of(DAY)
    assert len(salt) == 32
    assert DailySalt(None, file).of(DAY) == salt
    assert file.stat().st_mode & 0o777 == 0o600
