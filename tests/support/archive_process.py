"""The archive as a process of its own, the events that went into its topics, and what DuckDB finds in its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb

from infra.paths import SCHEMAS, SERVICES
from tests.support.ports import free_port
from tests.support.readiness import why_not_ready
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics

FIRST_MS: Final = int(datetime(2026, 2, 3, 12, tzinfo=UTC).timestamp() * 1000)
HOUR_MS: Final = 3_600_000


def event(number: int, **fields: Any) -> bytes:
    """An event as avro-to-json writes it: one an hour, two sites."""
    return json.dumps(
        {
            "timestamp": FIRST_MS + number * HOUR_MS,
            "client_timestamp": None,
            "event_id": f"event-{number}",
            "event_type": "pageView",
            "event_source": "browser",
            "party_id": "0:party",
            "is_new_party": number % 3 == 0,
            "is_first_in_session": False,
            "viewport_width": number,
            "latitude": 59.25,
            "page_title": "Smörgåsbord\n",
            "is_bot": False,
            "is_duplicate": False,
            "is_corrupt": False,
            "site": "shop" if number % 2 else "blog.example.com",
        }
        | fields,
        ensure_ascii=False,
    ).encode()


def environment(kafka: Broker, topics: Topics, **settings: object) -> dict[str, str]:
    """Environment of an archive of these topics. ``settings`` are its own, by name without the prefix."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(SERVICES / name) for name in ("archive", "common")),
        "ARCHIVE_BOOTSTRAP_SERVERS": kafka.address,
        "ARCHIVE_EVENTS_TOPIC": topics.json,
        "ARCHIVE_DEAD_LETTER_TOPIC": topics.dead,
        "ARCHIVE_SCHEMA_FILE": str(SCHEMAS / "clickstream.avsc"),
        "ARCHIVE_HTTP_HOST": "127.0.0.1",
        "ARCHIVE_FLUSH_SECONDS": "1",
        **{f"ARCHIVE_{name.upper()}": str(value) for name, value in settings.items()},
    }


class Archive:
    """A process; its log goes to a file."""

    def __init__(self, kafka: Broker, topics: Topics, log: Path, **settings: object) -> None:
        self._log, self._port = log, free_port()
        self.environment = environment(kafka, topics, **settings, http_port=self._port)
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "archive"],
            env=self.environment,
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run one of its commands."""
        return subprocess.run(
            [sys.executable, "-m", "archive", *arguments],
            env=self.environment,
            capture_output=True,
            check=False,
            timeout=240,
        )

    def log(self) -> list[dict[str, Any]]:
        """Its log lines so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def ready(self) -> str | None:
        """Why it is not ready; None when it is."""
        return why_not_ready(self._port)

    def metric(self, name: str) -> float:
        """The sum of one of its metrics over its labels; 0 where it does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"archive_{name} ", f"archive_{name}{{"))
        )

    def wait(self, metric: str, value: float) -> None:
        """Return when a metric has at least that value."""
        until(lambda: self.metric(metric), lambda now: now >= value, what=f"{value:g} as {metric}", seconds=240)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(240)


def query(sql: str) -> list[tuple[Any, ...]]:
    """Ask DuckDB, which knows nothing of the archive but its files."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def numbers(folder: Path) -> list[int]:
    """The events in a folder's files, sorted; one that is there twice is there twice."""
    found = query(f"SELECT event_id FROM read_parquet('{folder}/events/**/*.parquet')")  # noqa: S608
    return sorted(int(name.removeprefix("event-")) for (name,) in found)
