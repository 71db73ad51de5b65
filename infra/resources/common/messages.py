"""Messages of the resources. The engine's own diff compares lists by position, so they print a better one."""

import sys


def report(what: str, lines: list[str]) -> None:
    """Print each line to standard error, which the engine shows in previews, updates and refreshes."""
    for line in lines:
        sys.stderr.write(f"{what}: {line}\n")
