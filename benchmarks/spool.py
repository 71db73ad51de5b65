"""The collector's spool beside SQLite in the same place: groups of events written and synced, then read and dropped.

Both make each group durable before the next begins (SQLite: WAL, synchronous=FULL, one transaction a group). Rates are
events a second by wall clock, of the median of the rounds, which alternate between the two.

    python -m benchmarks.spool [DIRECTORY]      # about a minute; DIRECTORY is on the disk to be measured
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "services" / name) for name in ("collector", "common")]
from collector.delivery.spool_files import SpoolFiles  # noqa: E402
from collector.delivery.spool_format import SpooledMessage, encode_frame  # noqa: E402

from benchmarks.records import datums  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS: Final = (1, 10, 100, 1000)
"""Events that one sync makes durable: what arrived while the last one ran."""

EVENTS: Final = {1: 400, 10: 4_000, 100: 30_000, 1000: 100_000}
ROUNDS: Final = 3
READ: Final = 1000
SEGMENT: Final = 64 * 1024 * 1024


class Store(Protocol):
    """What the collector asks of its spool."""

    def write(self, messages: Sequence[SpooledMessage]) -> None:
        """Make them durable."""

    def drain(self) -> int:
        """Read all and drop it, as a replay does; how many there were."""


class OwnSpool:
    """The collector's files."""

    def __init__(self, directory: Path) -> None:
        """In an empty directory."""
        self._files = SpoolFiles(directory, SEGMENT, 1 << 40)

    def write(self, messages: Sequence[SpooledMessage]) -> None:
        """As `Spool` does it on its thread."""
        self._files.append(b"".join([encode_frame(message) for message in messages]))

    def drain(self) -> int:
        """A window at a time."""
        count = 0
        while True:
            found, cursor = self._files.read(READ)
            if not found:
                return count
            count += len(found)
            self._files.advance(cursor)


class Sqlite:
    """A table in the order of arrival."""

    def __init__(self, directory: Path) -> None:
        """In an empty directory."""
        self._base = sqlite3.connect(directory / "spool.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE spool (id INTEGER PRIMARY KEY, topic TEXT, key BLOB, value BLOB, timestamp INT, headers)",
        ):
            self._base.execute(statement)

    def write(self, messages: Sequence[SpooledMessage]) -> None:
        """One transaction."""
        rows = [(item.topic, item.key, item.value, item.timestamp_ms, None) for item in messages]
        self._base.execute("BEGIN")
        self._base.executemany("INSERT INTO spool (topic, key, value, timestamp, headers) VALUES (?, ?, ?, ?, ?)", rows)
        self._base.execute("COMMIT")

    def drain(self) -> int:
        """A window at a time."""
        count = 0
        while True:
            rows = self._base.execute("SELECT * FROM spool ORDER BY id LIMIT ?", (READ,)).fetchall()
            if not rows:
                return count
            count += len([SpooledMessage(row[1], row[2], row[3], row[4], None) for row in rows])
            self._base.execute("DELETE FROM spool WHERE id <= ?", (rows[-1][0],))


def measure(kind: type[OwnSpool | Sqlite], directory: Path, messages: Sequence[SpooledMessage], group: int) -> float:
    """Events a second, written and read."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        store: Store = kind(Path(folder))
        started = time.perf_counter()
        for start in range(0, len(messages), group):
            store.write(messages[start : start + group])
        if (drained := store.drain()) != len(messages):
            message = f"{kind.__name__}: {drained} of {len(messages)} events came back"
            raise RuntimeError(message)
        return len(messages) / (time.perf_counter() - started)


def main() -> None:
    """Print a line for each size of group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=Path(tempfile.gettempdir()))
    directory = parser.parse_args().directory
    values = list(datums(max(EVENTS.values())))
    messages = [SpooledMessage("tracking-avro", b"0:1:party", value, 1_770_000_000_000, None) for value in values]
    print("events a sync | own spool, events/s | SQLite, events/s | SQLite / own")
    for group in GROUPS:
        given = messages[: EVENTS[group]]
        rates: dict[str, list[float]] = {"own": [], "sqlite": []}
        for _ in range(ROUNDS):
            rates["own"].append(measure(OwnSpool, directory, given, group))
            rates["sqlite"].append(measure(Sqlite, directory, given, group))
        own, sqlite = statistics.median(rates["own"]), statistics.median(rates["sqlite"])
        print(f"{group:13} | {own:19,.0f} | {sqlite:16,.0f} | {sqlite / own:.2f}", flush=True)


if __name__ == "__main__":
    main()
