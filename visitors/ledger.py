"""Records what was sent and acknowledged, to compare the platform with."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from visitors.behaviour import Visit

TOTAL = "total"
DIMENSIONS = ("country", "browser_language_name", "browser_name", "os_name", "path", "event_type", "site")
"""The platform's columns that group visits."""

METRICS = ("events", "page_views", "sessions", "unique_visitors", "new_visitors")
"""Names as in the dashboards' dataset."""

Numbers = dict[str, dict[str, dict[str, int]]]
"""From a dimension (or TOTAL) and its values to metrics and numbers."""


class LedgerError(Exception):
    """The file is not a ledger. The message says why."""


@dataclass
class Ledger:
    """Numbers of acknowledged events without duplicates. Bots are counted separately."""

    run: str
    scenario: str
    started_ms: int
    numbers: Numbers = field(default_factory=dict)
    per_second: Counter[int] = field(default_factory=Counter)
    """Acknowledged events, including those of bots, by whole seconds since the start."""

    acknowledged: int = 0
    bot_events: int = 0
    duplicates_sent: int = 0
    corrupt_sent: int = 0
    refused: int = 0
    retries: int = 0
    """Requests repeated although the first one may have arrived. Each may have caused duplicates."""

    visits: int = 0
    ended_ms: int = 0
    mode: str = "synthetic"
    parties: list[str] = field(default_factory=list)
    """Party ids of real browsers, which generate them. Synthetic visitors' ids match `pattern`."""

    sites: dict[str, str] = field(default_factory=dict)
    """From hosts to sites, if the stack lists sites. Otherwise each host is a separate site."""

    by_site: dict[str, Numbers] = field(default_factory=dict)
    """The numbers by site, for the stack's listed sites."""

    _seen: set[tuple[str, str, str, str, str]] = field(default_factory=set, repr=False, compare=False)

    @property
    def pattern(self) -> str:
        """SQL LIKE pattern for the run's party ids."""
        return f"0:%:{self.run}%"

    def add_party(self, party_id: str) -> None:
        """Record that a real browser has sent something with this id, acknowledged or not."""
        if party_id not in self.parties:
            self.parties.append(party_id)

    def add(self, visit: Visit, event: dict[str, Any], at_ms: int) -> None:
        """Record an event and the time of its acknowledgement."""
        self.per_second[max(0, at_ms - self.started_ms) // 1000] += 1
        if visit.bot:
            self.bot_events += 1
            return
        self.acknowledged += 1
        group, address = visit.group, urlsplit(event["l"])
        host = address.hostname or ""
        site = self.sites.get(host, host)
        values = (group.country, group.language, group.browser, group.os, address.path, event["t"], site)
        self._count("", self.numbers, values, event)
        if self.sites:
            self._count(site, self.by_site.setdefault(site, {}), values, event)

    def _count(self, site: str, numbers: Numbers, values: tuple[str, ...], event: dict[str, Any]) -> None:
        """Count an event in each of DIMENSIONS, whose values are `values`. An empty `site` means all sites."""
        for dimension, value in ((TOTAL, "all"), *zip(DIMENSIONS, values, strict=True)):
            number = numbers.setdefault(dimension, {}).setdefault(value, dict.fromkeys(METRICS, 0))
            number["events"] += 1
            number["page_views"] += event["t"] == "pageView"
            identifiers = {"sessions": event["s"], "unique_visitors": event["p"]}
            if event["n"] in (True, "t"):  # as batches and beacons write it
                identifiers["new_visitors"] = event["p"]
            for metric, identifier in identifiers.items():
                if (site, dimension, value, metric, identifier) not in self._seen:
                    self._seen.add((site, dimension, value, metric, identifier))
                    number[metric] += 1

    def sent(self, dimension: str, metric: str) -> dict[str, int]:
        """From values to numbers. Omits zeros."""
        return {value: number[metric] for value, number in self.numbers.get(dimension, {}).items() if number[metric]}

    def at_one_place(self, country: str) -> Ledger:
        """A copy with all visits attributed to one country."""

        def placed(numbers: Numbers) -> Numbers:
            everything = numbers.get(TOTAL, {}).get("all")
            return {**numbers, "country": {country: everything} if everything else {}}

        by_site = {site: placed(numbers) for site, numbers in self.by_site.items()}
        return replace(self, numbers=placed(self.numbers), by_site=by_site)

    def of_site(self, site: str) -> Ledger:
        """The visits of one of the stack's sites."""
        return replace(self, numbers=self.by_site.get(site, {}))

    def save(self, path: Path) -> None:
        """Write the ledger as JSON. A loaded ledger can be compared but not extended."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Ledger:
        """Read a file written by `save`. LedgerError if it is not one."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = {each.name for each in fields(cls)}
            if not isinstance(content, dict) or not content.keys() <= known:
                message = f"{path} is not a ledger of this version; `visitors run` writes one"
                raise LedgerError(message)
            content["per_second"] = Counter({int(second): count for second, count in content["per_second"].items()})
            return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{path} is not a ledger ({error}); `visitors run` writes one"
            raise LedgerError(message) from None
