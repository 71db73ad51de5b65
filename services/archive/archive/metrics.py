"""The archive's metrics. Records count once they are in the manifest."""

from __future__ import annotations

from typing import Final

from clickstream_service.metrics import own_metrics
from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """All metrics, in a separate registry."""

    def __init__(self) -> None:
        own = own_metrics("archive")
        self.registry = own["registry"]
        self.rows = Counter("rows", "Rows stored, by table", ["table"], **own)
        self.unreadable = Counter("unreadable", "Records of the events' topic stored with the dead letters", **own)
        self.written_bytes = Counter("written_bytes", "Bytes of the files written, including merged files", **own)
        self.commits = Counter("commits", "Changes of the manifest, by kind", ["kind"], **own)
        self.store_errors = Counter("store_errors", "Requests that the folder or bucket refused", **own)
        self.records_missed = Counter("records_missed", "Records that Kafka deleted before they were read", **own)
        self.repositioned = Counter(
            "repositioned", "Partitions whose position was not in the log, by cause", ["cause"], **own
        )
        self.lag = Gauge("lag_records", "Records that are not stored yet, by partition", ["topic", "partition"], **own)
        self.buffered_bytes = Gauge("buffered_bytes", "Approximate memory of records not yet in a file", **own)
        self.files = Gauge("files", "Data files", **own)
        self.stored_rows = Gauge("stored_rows", "Rows of all data files", **own)
        self.stored_bytes = Gauge("stored_bytes", "Bytes of all data files", **own)
        self.last_commit = Gauge("last_commit_timestamp_seconds", "When the manifest last changed", **own)
        self.commit_seconds = Histogram("commit_seconds", "Time to store the buffer", buckets=_SECONDS, **own)
