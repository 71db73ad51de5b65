"""``python -m avro_to_json``: the converter. ``… replay-dead``: puts dead letters back on their topic."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

import structlog

from . import logs, service
from .converter import Converter
from .errors import SchemaError, StartError
from .health import Health, HealthServer
from .metrics import Metrics
from .settings import Settings, SettingsError


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the process's exit code: 0 done, 2 something must be changed first."""
    parser = argparse.ArgumentParser(prog="avro_to_json", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    parser.parse_args(argv)
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(settings.log_level)
    log = structlog.get_logger("avro_to_json")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        log.info("starting", **settings.shown())
        return _serve(settings, stop)
    except (SchemaError, StartError) as error:
        log.critical("can't start", error=str(error))
        return 2
    finally:
        log.info("stopped")


def _serve(settings: Settings, stop: threading.Event) -> int:
    converter, metrics, health = Converter.of(settings), Metrics(), Health(settings)
    server = HealthServer(settings.http_host, settings.http_port, health, metrics)
    try:
        service.serve(settings, converter, metrics, health, stop)
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
