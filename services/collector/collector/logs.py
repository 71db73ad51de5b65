"""What the collector logs of an error. No addresses, identifiers, URLs or user agents go into logs."""

from __future__ import annotations

import traceback


def trace(error: BaseException) -> list[str]:
    """Where an error was raised, without its text, which may repeat what a visitor sent."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
