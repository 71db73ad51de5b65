"""Waiting for something, with an end."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.1


def until(ask: Callable[[], T], wanted: Callable[[T], bool], *, seconds: float) -> T:
    """Asks until the answer is wanted; AssertionError with the last answer when the time is up."""
    deadline = time.monotonic() + seconds
    while not wanted(answer := ask()):
        if time.monotonic() > deadline:
            message = f"still {answer!r} after {seconds:g} s"
            raise AssertionError(message)
        time.sleep(PAUSE)
    return answer
