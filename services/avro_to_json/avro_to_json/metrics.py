"""The converter's metrics. Records count once their transaction is committed, so that in = out + dead."""

from __future__ import annotations

from typing import Final

from clickstream_service.metrics import own_metrics
from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10, 60, 600)
_RECORDS: Final = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000)


class Metrics:
    """All metrics, in a separate registry."""

    def __init__(self) -> None:
        own = own_metrics("avro_to_json")
        self.registry = own["registry"]
        self.records_in = Counter("records_in", "Records read and committed", **own)
        self.records_out = Counter("records_out", "Records written as JSON", **own)
        self.records_dead = Counter("records_dead", "Records written to the dead-letter topic", **own)
        self.records_missed = Counter("records_missed", "Records that Kafka deleted before they were read", **own)
        self.bytes_in = Counter("bytes_in", "Bytes of Avro values read and committed", **own)
        self.bytes_out = Counter("bytes_out", "Bytes of JSON values written", **own)
        self.batches = Counter("batches", "Batches by outcome", ["outcome"], **own)
        self.sessions = Counter("sessions", "Times the Kafka clients were recreated", **own)
        self.rebalances = Counter("rebalances", "Assignments received", **own)
        self.repositioned = Counter(
            "repositioned", "Partitions whose position was not in the log, by cause", ["cause"], **own
        )
        self.assigned = Gauge("assigned_partitions", "Partitions assigned to this replica", **own)
        self.lag = Gauge("lag_records", "Records not yet converted, by assigned partition", ["partition"], **own)
        self.batch_size = Histogram("batch_records", "Records of a batch", buckets=_RECORDS, **own)
        self.convert_seconds = Histogram("convert_seconds", "Time to convert a batch", buckets=_SECONDS, **own)
        self.commit_seconds = Histogram("commit_seconds", "Time to send and commit a batch", buckets=_SECONDS, **own)
        self.latency_seconds = Histogram(
            "latency_seconds", "Age of a batch's oldest record when it can be read as JSON", buckets=_SECONDS, **own
        )
