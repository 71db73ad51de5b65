"""`python -m collector` serves; `python -m collector check` shows the record that a request would give."""

from __future__ import annotations

import argparse
import sys

import uvloop

from collector.app import App
from collector.check import check
from collector.logs import set_up
from collector.settings import Settings, SettingsError, load_settings

EXIT_CONFIGURATION = 78
"""sysexits.h: something in the configuration is wrong, so a restart will not help."""


def main() -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="collector", description="Takes events over HTTP and makes them durable.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve (the default)")
    checking = commands.add_parser("check", help="check settings and mapping; print the record of a request")
    checking.add_argument("target", nargs="?", help="path and query, for example '/csc-event?p=...', or a batch's path")
    checking.add_argument("--header", action="append", default=[], metavar="NAME: VALUE", help="a request header")
    checking.add_argument("--address", default="127.0.0.1", help="the visitor's address")
    checking.add_argument("--body", help="the body, or @file; makes it a POST")
    arguments = parser.parse_args()
    try:
        settings = load_settings()
        if arguments.command == "check":
            return check(settings, arguments.target, arguments.header, arguments.address, arguments.body)
        set_up(settings.log_level)
        uvloop.run(_serve(settings))
    except (SettingsError, ValueError, OSError) as error:
        sys.stderr.write(f"collector: {error}\n")
        return EXIT_CONFIGURATION
    return 0


async def _serve(settings: Settings) -> None:
    await App(settings).run()


if __name__ == "__main__":
    sys.exit(main())
