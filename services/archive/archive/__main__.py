"""``python -m archive``: the service. ``… export``: export events of a period. ``… verify``: check all files.
``… feed``: serve past days to Druid.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog
from clickstream_service import logs
from clickstream_service.health_server import HealthServer

from archive import export, reading, schema
from archive.errors import OtherWriterError, StartError, StoreError
from archive.feed import Feed
from archive.health import Health
from archive.metrics import Metrics
from archive.service import Service
from archive.settings import Settings
from archive.store import make_store

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, as listed in CONTRIBUTING.md."""
    options = _parser().parse_args(argv)
    settings = Settings.load_or_exit()
    serving = options.command in (None, "serve", "feed")
    # The other commands write their results to standard output.
    logs.configure(settings.log_level if serving else "warning", None if serving else sys.stderr)
    log = structlog.get_logger("archive")
    try:
        if options.command == "export":
            return _export(settings, options)
        if options.command == "verify":
            return _verify(settings)
        log.info("starting", **settings.shown())
        if options.command == "feed":
            _feed(settings)
        else:
            _serve(settings)
    except StartError as error:
        log.critical("can't start", error=str(error))
        return os.EX_CONFIG
    except OtherWriterError as error:
        log.critical("another process writes to this archive: restarting", entry=str(error))
        return 1
    except StoreError as error:
        log.critical("the archive can't be read", error=str(error))
        return 1
    log.info("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="archive", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", help="archive until stopped (the default)")
    commands.add_parser("verify", help="compare every file with the manifest: presence, checksum, number of rows")
    commands.add_parser("feed", help="serve past days over HTTP as lines of JSON, for `make rebuild`")
    exporting = commands.add_parser("export", help="write events to standard output")
    exporting.add_argument("--from", dest="start", type=_time, default=_FIRST, metavar="TIME", help="first time")
    exporting.add_argument("--to", dest="end", type=_time, default=_LAST, metavar="TIME", help="end, not included")
    exporting.add_argument("--site", help="only this site")
    exporting.add_argument(
        "--format", type=export.Format, choices=list(export.Format), default=export.Format.PARQUET, help="parquet"
    )
    return parser


def _stop_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _feed(settings: Settings) -> None:
    columns = reading.result_schema(schema.load(settings.schema_file).table)
    Feed(make_store(settings), columns, (settings.http_host, settings.http_port)).run(_stop_signal())


def _serve(settings: Settings) -> None:
    stop = _stop_signal()
    columns, metrics, health = schema.load(settings.schema_file), Metrics(), Health(settings)
    store = make_store(settings)
    server = HealthServer("archive", (settings.http_host, settings.http_port), health, metrics.registry)
    try:
        Service(settings, columns, metrics, health, stop).run(store)
    finally:
        server.close()


def _export(settings: Settings, options: argparse.Namespace) -> int:
    columns = schema.load(settings.schema_file).table
    tables = reading.rows(make_store(settings), reading.Selection(options.start, options.end, options.site), columns)
    try:
        rows = export.write(tables, reading.result_schema(columns), sys.stdout.buffer, options.format)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader is gone: discard further output
        return 1
    sys.stderr.write(f"{rows} events\n")
    return 0


def _verify(settings: Settings) -> int:
    store = make_store(settings)
    found = list(reading.problems(store))
    files = reading.load(store).files.values()
    for problem in found:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{len(files)} files, {sum(file.rows for file in files)} rows, {len(found)} problems\n")
    return 1 if found else 0


def _time(text: str) -> datetime:
    """Parse a time; UTC if it has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} given; an ISO 8601 date or time is allowed, for example 2026-11-20 or 2026-11-20T14:30Z"
        raise argparse.ArgumentTypeError(message) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
