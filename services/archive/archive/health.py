"""State for the health endpoints: whether the archive is alive and keeps up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.settings import Settings


class Health:
    """State of the main loop, which writes it. The HTTP threads read it."""

    def __init__(self, settings: Settings) -> None:
        self._stalled_after, self._max_lag = settings.stalled_after_seconds, settings.ready_max_lag
        self._beat = time.monotonic()
        self._blocked: str | None = "starting"
        self._lag = 0

    def beat(self) -> None:
        """Record that the loop is running."""
        self._beat = time.monotonic()

    def block(self, reason: str | None) -> None:
        """Record why storing is impossible now; None when it is possible."""
        self._blocked = reason

    def measure(self, lag: int) -> None:
        """Record the largest lag of any partition, in records."""
        self._lag = lag

    def live(self) -> str | None:
        """Return why the process should be restarted, or None."""
        age = time.monotonic() - self._beat
        return f"the loop has not turned for {age:.0f} s" if age > self._stalled_after else None

    def ready(self) -> str | None:
        """Return why the archive is not ready, or None."""
        if reason := self.live() or self._blocked:
            return reason
        return f"behind by {self._lag} records, more than {self._max_lag}" if self._lag > self._max_lag else None
