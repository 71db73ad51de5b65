"""Serves past events over HTTP as the lines of JSON that were on the topic, so that Druid can read them again.

``GET /events/2026-11-28.jsonl`` returns a day (UTC). A response that breaks off lacks the last chunk, so a
client notices.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

import orjson
import pyarrow as pa  # type: ignore[import-untyped]
import structlog

from archive import layout, reading
from archive.errors import StartError, StoreError
from archive.schema import ORIGIN, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.store import Store

log = structlog.get_logger(__name__)

_PATH: Final = re.compile(r"/events/(?P<day>\d{4}-\d\d-\d\d)\.jsonl")
_ROWS_AT_ONCE: Final = 1000
"""Rows that are Python objects at the same time: about 10 MB."""
_OTHER_COLUMNS: Final = [field.name for field in ORIGIN]


def days(store: Store) -> dict[str, int]:
    """Return the number of archived events of each day (UTC), such as 2026-11-28."""
    found: Counter[str] = Counter()
    for file in reading.load(store).files.values():
        if (place := file.range).folder.startswith(f"{layout.EVENTS}/"):
            found[place.day] += file.rows
    return dict(sorted(found.items()))


def lines(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """Yield rows as lines of JSON, many at a time. Times are in milliseconds. Nulls are left out: to
    Druid that is the same."""
    for table in tables:
        plain = table.drop_columns(_OTHER_COLUMNS)
        for index, field in enumerate(plain.schema):
            if field.type == TIME:
                plain = plain.set_column(index, field.name, plain.column(index).cast(pa.int64()))
        for start in range(0, len(plain), _ROWS_AT_ONCE):
            rows = plain.slice(start, _ROWS_AT_ONCE).to_pylist()
            yield b"".join(
                orjson.dumps({key: value for key, value in row.items() if value is not None}) + b"\n" for row in rows
            )


class Feed:
    """The server, and a log line with the number of events of each day whenever it changes."""

    def __init__(self, store: Store, schema: pa.Schema, address: tuple[str, int]) -> None:
        """Bind at once. Raises OSError if the port is in use. Port 0 selects a free port."""
        self._store = store
        self._server = ThreadingHTTPServer(address, _handler(store, schema))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def run(self, stop: threading.Event, every: float = 5) -> None:
        """Serve until stopped. ``every`` is the seconds between two counts."""
        threading.Thread(target=self._server.serve_forever, name="http", daemon=True).start()
        last: dict[str, int] | None = None
        try:
            while not stop.is_set():
                if (found := days(self._store)) != last:
                    last = found
                    log.info("archived events by day", days=found)
                stop.wait(every)
        finally:
            self._server.shutdown()
            self._server.server_close()


def _handler(store: Store, schema: pa.Schema) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "archive"
        sys_version = ""
        protocol_version = "HTTP/1.1"
        timeout = 600  # seconds in which Druid reads nothing while it writes a segment

        def do_GET(self) -> None:
            day = _day(self.path)
            if day is None:
                self.send_error(HTTPStatus.NOT_FOUND, "try /events/2026-11-28.jsonl")
                return
            if "Range" in self.headers and self.headers["Range"] != "bytes=0-":
                # Files may have been merged since the first attempt, so a continued read could repeat events.
                self.send_error(HTTPStatus.NOT_IMPLEMENTED, "a day can only be read from its beginning")
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            tables = reading.rows(store, reading.Selection(day, day + timedelta(days=1)), schema)
            try:
                for part in lines(tables):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            except (StoreError, StartError) as error:
                log.error("can't read a day", day=day.date().isoformat(), error=str(error))
                self.close_connection = True
                return
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            log.debug("request", line=format % args)

    return Handler


def _day(path: str) -> datetime | None:
    found = _PATH.fullmatch(path)
    try:
        return datetime.fromisoformat(found["day"]).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None
