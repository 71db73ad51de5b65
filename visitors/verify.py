"""Compares a run's ledger with Druid and the dashboards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.resources.common.retry import Deadline
from visitors.druid import NONE
from visitors.ledger import METRICS, TOTAL, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from visitors.dashboard import Dashboards, Superset
    from visitors.druid import Druid, Noise
    from visitors.ledger import Numbers


@dataclass(frozen=True)
class Difference:
    """A number that differs from what was sent. `source` is Druid or the name of a chart."""

    source: str
    dimension: str
    value: str
    metric: str
    sent: int
    found: int


@dataclass
class Comparison:
    """The count of compared numbers, and those that differ from what was sent."""

    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    charts: int = 0
    skipped: list[str] = field(default_factory=list)
    found: Numbers = field(default_factory=dict)
    """Druid's numbers."""
    place: str | None = None
    """The country of all visits, if the platform attributes every visitor to this machine."""

    def check(
        self, source: str, dimension: str, metric: str, sent: Mapping[str, int], found: Mapping[str, int]
    ) -> None:
        """Compare the numbers of one source, value by value."""
        for value in sorted(sent.keys() | found.keys()):
            self.compared += 1
            expected, seen = sent.get(value, 0), found.get(value, 0)
            if expected != seen:
                self.differences.append(Difference(source, dimension, value, metric, expected, seen))


def compare(ledger: Ledger, numbers: Numbers, noise: Noise, dashboards: Dashboards | None = None) -> Comparison:
    """Compare everything that was sent with everything that was found."""
    result = Comparison(found=numbers)
    for dimension in dict.fromkeys((TOTAL, *ledger.numbers, *numbers)):
        values = numbers.get(dimension, {})
        for metric in METRICS:
            found = {value: number[metric] for value, number in values.items() if number.get(metric)}
            result.check("Druid", dimension, metric, ledger.sent(dimension, metric), found)
    for name, marks, marked in _noise(ledger, noise):
        result.check("Druid", TOTAL, name, {"all": marks}, {"all": marked})
    if dashboards is not None:
        result.skipped = dashboards.skipped
        for shown in dashboards.shown:
            sent = ledger if shown.site is None else ledger.of_site(shown.site)
            wanted = sent.sent(shown.dimension, shown.metric)
            if shown.known_only:
                wanted.pop(NONE, None)
            source = shown.chart if shown.site is None else f"{shown.chart}, site {shown.site}"
            result.check(source, shown.dimension, shown.metric, wanted, shown.numbers)
        result.charts = len({shown.chart for shown in dashboards.shown})
    return result


def _noise(ledger: Ledger, noise: Noise) -> Iterator[tuple[str, int, int]]:
    yield "events of bots", ledger.bot_events, noise.bot_events
    # Browsers and requests without a response may resend events that had arrived, an unknown number of times.
    if ledger.mode == "synthetic" and not ledger.retries:
        yield "duplicates marked", ledger.duplicates_sent, noise.duplicates
        yield "corrupt marked", ledger.corrupt_sent, noise.corrupt


def verify(
    ledger: Ledger,
    druid: Druid,
    superset: Superset | None = None,
    patience: float = 60,
    *,
    addresses_trusted: bool = True,
) -> Comparison:
    """Wait until Druid has everything, at most `patience` seconds, then compare.

    Without `addresses_trusted`, all visits come from this machine's address and must have the same country.
    """
    deadline = Deadline(patience, pause=1)
    wanted = (ledger.acknowledged, ledger.bot_events)
    while druid.acknowledged(ledger) != wanted and deadline.wait():
        pass

    def compared() -> tuple[Ledger, Comparison]:
        numbers = druid.numbers(ledger)
        place = None if addresses_trusted else next(iter(numbers.get("country", {})), NONE)
        sent = ledger if place is None else ledger.at_one_place(place)
        result = compare(sent, numbers, druid.noise(ledger))
        result.place = place
        return sent, result

    sent, result = compared()
    # The last duplicates and corrupt events may arrive after the other events.
    while result.differences and deadline.wait():
        sent, result = compared()
    if superset is None:
        return result
    shown = compare(sent, result.found, druid.noise(ledger), superset.numbers(ledger))
    shown.place = result.place
    return shown
