"""Polling with a time limit in coroutines. Standard library only: the collector's unit tests also run in its image."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float, what: str = "what was wanted") -> None:
    """Return when the condition holds; AssertionError when the time is up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() <= end, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.02)
