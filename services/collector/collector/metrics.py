"""Counters of the hot path, and their Prometheus form.

Plain integers are counted, and prometheus_client renders them when it is asked: its own counters take a lock
for each increment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.core import Metric

BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the latency histogram, in seconds."""


class Metrics:
    """All counters of one process."""

    def __init__(self) -> None:
        """All zero."""
        self.received: Counter[str] = Counter()
        self.accepted = 0
        self.acknowledged = 0
        self.kafka_delivered = 0
        self.kafka_failed = 0
        self.spooled = 0
        self.replayed = 0
        self.dead: Counter[str] = Counter()
        self.dead_not_kept: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.flagged: Counter[str] = Counter()
        self.user_ids_dropped: Counter[str] = Counter()
        self.spool_cut_bytes = 0
        self.geo_reloads = 0
        self.latency_buckets = [0] * (len(BUCKETS) + 1)
        self.latency_sum = 0.0
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def observe_latency(self, seconds: float) -> None:
        """Count the time from a request's arrival to its answer."""
        self.latency_buckets[bisect_left(BUCKETS, seconds)] += 1
        self.latency_sum += seconds

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Publish what `read` returns at each scrape."""
        self.gauges[name] = (text, read)


class _Exporter:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand now."""
        metrics = self._metrics
        plain = {
            "accepted": ("Events converted to a record.", metrics.accepted),
            "acknowledged": ("Events acknowledged to their sender as durable.", metrics.acknowledged),
            "kafka_delivered": ("Messages that Kafka confirmed.", metrics.kafka_delivered),
            "kafka_failed": ("Messages that Kafka did not confirm in time.", metrics.kafka_failed),
            "spooled": ("Messages written to the spool.", metrics.spooled),
            "replayed": ("Messages of the spool that Kafka confirmed.", metrics.replayed),
            "spool_cut_bytes": ("Bytes of torn or damaged spool that were set aside.", metrics.spool_cut_bytes),
            "geo_reloads": ("Times a replaced geo database was opened.", metrics.geo_reloads),
        }
        for name, (text, value) in plain.items():
            yield CounterMetricFamily(f"collector_{name}", text, value=value)
        labelled = {
            "received": ("Events that came in, by source.", "source", metrics.received),
            "dead": ("Malformed events sent to the dead-letter topic, by source.", "source", metrics.dead),
            "dead_not_kept": (
                "Malformed events beyond the rate of dead letters, by source.",
                "source",
                metrics.dead_not_kept,
            ),
            "rejected": ("Requests and events refused, by reason.", "reason", metrics.rejected),
            "dropped": ("Events dropped by a setting, by reason.", "reason", metrics.dropped),
            "flagged": ("Events marked, by mark.", "mark", metrics.flagged),
            "user_ids_dropped": ("Events stored without their user ID, by reason.", "reason", metrics.user_ids_dropped),
        }
        for name, (text, label, counts) in labelled.items():
            family = CounterMetricFamily(f"collector_{name}", text, labels=[label])
            for labelled_value, count in sorted(counts.items()):
                family.add_metric([labelled_value], count)
            yield family
        yield self._latency()
        for name, (text, read) in metrics.gauges.items():
            yield GaugeMetricFamily(f"collector_{name}", text, value=read())

    def _latency(self) -> Metric:
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._metrics.latency_buckets, strict=True):
            total += count
            buckets.append((bound, total))
        text = "From a request's arrival to its answer, event requests only."
        family = HistogramMetricFamily("collector_latency_seconds", text)
        family.add_metric([], buckets, self._metrics.latency_sum)
        return family


def new_registry(metrics: Metrics) -> CollectorRegistry:
    """A registry of these metrics and the process's own."""
    registry = CollectorRegistry()
    registry.register(_Exporter(metrics))
    ProcessCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """The text that Prometheus scrapes."""
    return generate_latest(registry)
