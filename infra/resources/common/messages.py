"""What the resources report in addition to the engine's own diff, which compares lists by position."""

import sys


def report(what: str, lines: list[str]) -> None:
    """Print one line for each; the engine shows a provider's standard error in previews, updates and refreshes."""
    for line in lines:
        sys.stderr.write(f"{what}: {line}\n")
