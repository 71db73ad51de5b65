"""State for the health endpoints: whether the converter is alive and keeps up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avro_to_json.settings import Settings


class Health:
    """State of the main loop, which writes it. The HTTP threads read it."""

    def __init__(self, settings: Settings) -> None:
        self._stalled_after = settings.stalled_after_ms / 1000
        self._max_lag = settings.ready_max_lag
        self._beat = time.monotonic()
        self._lag: dict[int, int] = {}
        self._blocked: str | None = "starting"
        self._unreachable: str | None = None

    def beat(self) -> None:
        """Record that the loop is running."""
        self._beat = time.monotonic()

    def block(self, reason: str) -> None:
        """Record why no records can be converted now."""
        self._blocked = reason

    def assigned(self, partitions: list[int]) -> None:
        """Record the assigned partitions, whose lag is not known yet. An idle spare has none and is ready."""
        self._lag = dict.fromkeys(partitions, -1)
        self._blocked = None

    def measure(self, lag: dict[int, int]) -> None:
        """Record each assigned partition's lag, in records."""
        self._lag = {**self._lag, **lag}

    def reach(self, problem: str | None) -> None:
        """Record why no broker is reachable; None if one is."""
        self._unreachable = problem

    def live(self) -> str | None:
        """Return why the process should be restarted, or None."""
        age = time.monotonic() - self._beat
        return f"the loop has not turned for {age:.0f} s" if age > self._stalled_after else None

    def ready(self) -> str | None:
        """Return why the converter is not ready, or None."""
        if reason := self.live() or self._blocked or self._unreachable:
            return reason
        lag = self._lag
        if unknown := sorted(partition for partition, records in lag.items() if records < 0):
            return f"lag not known yet for partitions {unknown}"
        late = {partition: records for partition, records in sorted(lag.items()) if records > self._max_lag}
        return f"behind by more than {self._max_lag} records: {late}" if late else None
