"""Ends the process when a client call does not return within its own time limit.

librdkafka can lose the response to send_offsets_to_transaction while the group coordinator is unavailable, and then
waits forever, regardless of the timeout (its issues 5456 and 5511, open with 2.16; reproduced by killing the broker).
Such a thread can't be interrupted, so the process exits and is restarted. The new process aborts the open
transaction, so nothing is lost or duplicated.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger(__name__)

_LOOK_EVERY: Final = 0.5


class Watchdog:
    """Watches one call at a time, from a separate thread."""

    def __init__(self) -> None:
        """Start watching."""
        self._call: tuple[str, float] | None = None
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextlib.contextmanager
    def limit(self, name: str, seconds: float) -> Iterator[None]:
        """Exit the process if the body is still running after ``seconds``."""
        self._call = (name, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._call = None

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_EVERY)
            if (call := self._call) is not None and time.monotonic() > call[1]:
                log.critical("a client call did not return in time: exiting to be restarted", call=call[0])
                os._exit(os.EX_TEMPFAIL)
