"""`python -m collector` serves; `python -m collector check` shows the record that a request would give."""

from __future__ import annotations

import argparse
import os
import sys

import structlog
import uvloop
from clickstream_service import logs

from collector.app import App
from collector.check import check
from collector.settings import Settings

log = structlog.get_logger(__name__)


def main() -> int:
    """Run the command; the exit status, as CONTRIBUTING.md lists them."""
    parser = argparse.ArgumentParser(prog="collector", description="Takes events over HTTP and makes them durable.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve (the default)")
    checking = commands.add_parser("check", help="check settings and mapping; print the record of a request")
    checking.add_argument("target", nargs="?", help="path and query, for example '/csc-event?p=...', or a batch's path")
    checking.add_argument("--header", action="append", default=[], metavar="NAME: VALUE", help="a request header")
    checking.add_argument("--address", default="127.0.0.1", help="the visitor's address")
    checking.add_argument("--body", help="the body, or @file; makes it a POST")
    arguments = parser.parse_args()
    settings = Settings.load_or_exit()
    if arguments.command == "check":
        logs.configure(settings.log_level, sys.stderr)
        try:
            return check(settings, arguments.target, arguments.header, arguments.address, arguments.body)
        except (ValueError, OSError) as error:
            return _refused(error)
    logs.configure(settings.log_level)
    return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    try:
        app = App(settings)
    except (ValueError, OSError) as error:  # the settings name files, and these are wrong or cannot be used
        return _refused(error)
    try:
        await app.run()
    except OSError:
        log.exception("ended by an error")
        return 1
    return 0


def _refused(error: Exception) -> int:
    sys.stderr.write(f"collector: {error}\n")
    return os.EX_CONFIG


if __name__ == "__main__":
    sys.exit(main())
