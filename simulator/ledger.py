"""What was sent and acknowledged: the truth that the platform is compared with."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.behaviour import Visit

DIMENSIONS = ("country", "browser_name", "os_name", "path", "event_type")


@dataclass
class Ledger:
    """Counts of acknowledged events, each event once; bots are counted apart."""

    run: str
    scenario: str
    started_ms: int
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in DIMENSIONS})
    acknowledged: int = 0
    bot_events: int = 0
    duplicates_sent: int = 0
    corrupt_sent: int = 0
    refused: int = 0
    visits: int = 0
    ended_ms: int = 0

    def add(self, visit: Visit, event: dict[str, Any]) -> None:
        """Note an acknowledged event."""
        if visit.bot:
            self.bot_events += 1
            return
        self.acknowledged += 1
        group = visit.group
        path = urlsplit(event["l"]).path
        for name, value in zip(DIMENSIONS, (group.country, group.browser, group.os, path, event["t"]), strict=True):
            self.counts[name][value] += 1

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Ledger:
        """Read what `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        content["counts"] = {name: Counter(values) for name, values in content["counts"].items()}
        return cls(**content)
