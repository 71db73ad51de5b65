"""``python -m avro_to_json``: the converter. ``… replay-dead``: put dead letters back on their topic."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import Final

import structlog
from clickstream_service import logs
from clickstream_service.health_server import HealthServer
from confluent_kafka import KafkaException

from avro_to_json import replay, service
from avro_to_json.converter import Converter
from avro_to_json.errors import ReplayStartError, SchemaError, StartError
from avro_to_json.health import Health
from avro_to_json.metrics import Metrics
from avro_to_json.replay_start import Start
from avro_to_json.settings import Settings

_COMMAND_LINE: Final = 2
"""Exit status for an incomplete command line, as argparse uses."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit status, as listed in CONTRIBUTING.md."""
    parser = argparse.ArgumentParser(prog="avro_to_json", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", help="convert until stopped (the default)")
    replaying = commands.add_parser("replay-dead", help="put dead letters back on the topic they came from")
    replaying.add_argument("--dry-run", action="store_true", help="only count dead letters by reason; replay nothing")
    where = replaying.add_mutually_exclusive_group()
    where.add_argument(
        "--from-beginning", action="store_true", help="replay all retained dead letters, even if replayed before"
    )
    where.add_argument(
        "--since",
        type=_time,
        metavar="TIME",
        help="start at the first record from that time or later, for example 2026-11-20T14:30Z",
    )
    arguments = parser.parse_args(argv)
    settings = Settings.load_or_exit()
    logs.configure(settings.log_level)
    log = structlog.get_logger("avro_to_json")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        log.info("starting", **settings.shown())
        if arguments.command == "replay-dead":
            start = Start(from_beginning=arguments.from_beginning, since_ms=arguments.since)
            return _replay(settings, stop, start, dry_run=arguments.dry_run)
        return _serve(settings, stop)
    except (SchemaError, StartError) as error:
        log.critical("can't start", error=str(error))
        return _COMMAND_LINE if isinstance(error, ReplayStartError) else os.EX_CONFIG
    except KafkaException as error:
        log.critical("Kafka request failed", error=str(error))
        return 1
    finally:
        log.info("stopped")


def _serve(settings: Settings, stop: threading.Event) -> int:
    converter, metrics, health = Converter.of(settings), Metrics(), Health(settings)
    server = HealthServer("avro-to-json", (settings.http_host, settings.http_port), health, metrics.registry)
    try:
        service.serve(settings, converter, metrics, health, stop)
    finally:
        server.close()
    return 0


def _time(text: str) -> int:
    """Parse a time to milliseconds since the epoch; UTC if it has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} given; an ISO 8601 date or time is allowed, for example 2026-11-20 or 2026-11-20T14:30Z"
        raise argparse.ArgumentTypeError(message) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _replay(settings: Settings, stop: threading.Event, start: Start, *, dry_run: bool) -> int:
    report = replay.replay(settings, stop, start, dry_run=dry_run)
    structlog.get_logger("avro_to_json").info(
        "replayed" if not dry_run else "would replay",
        records=report.replayed,
        left=report.left,
        reasons=dict(report.reasons.most_common(20)),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
