"""Dead letters: requests that cannot become a record, kept with the reason. A request gives at most one."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from collector.delivery.message import Message
from collector.logs import trace
from collector.model.event import MalformedEventError
from collector.outcomes import settle_all
from collector.protocol.json_values import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collector.delivery.kafka import Delivery
    from collector.delivery.message import Headers, Settle
    from collector.http.request import Request
    from collector.metrics import Metrics
    from collector.model.json_types import JsonValue
    from collector.outcomes import BatchItem
    from collector.protocol.redaction import Redaction

log = structlog.get_logger(__name__)
_LOG_SECONDS: Final = 30.0
"""A defect may fail on many events a second; one of a kind is logged this often."""
_ELSEWHERE: Final = (ImportError, MemoryError, OSError)
"""What fails because of the machine or the installation, not because of the event."""
_AROUND: Final = 512
"""What a letter takes beside its body: headers, and its notice."""
_TOO_MANY: Final = "too many dead letters at the same time: counted, not kept"
MAX_BYTES: Final = 900_000
"""What is kept of a body. Only a raised limit allows more than that, and Kafka takes a million bytes by default."""


def _nobody_waits(_problem: str | None) -> None:
    """Of a notice: the answer is about the dead letter itself."""


class DeadLetters:
    """Sends dead letters, and a notice of each without its bytes."""

    def __init__(
        self,
        delivery: Delivery,
        topic: str,
        notice_topic: str | None,
        metrics: Metrics,
        *,
        rate: int,
        burst: int,
        redaction: Redaction,
        is_private: Callable[[dict[bytes, bytes]], bool],
    ) -> None:
        """To these topics; without a notice topic there are no notices. At most `rate` bytes a second are kept.

        `burst`: bytes that may be kept at once. `redaction`: what may be kept of them. `is_private`: whether the
        headers of a request mean that nothing may.
        """
        self._rate, self._burst = rate, burst
        self._allowance, self._allowed_at = float(burst), time.monotonic()
        self._not_kept: Counter[str] = Counter()
        self._delivery = delivery
        self._topic = topic
        self._notice_topic = notice_topic
        self._metrics = metrics
        self._redaction = redaction
        self._is_private = is_private
        self._logged: dict[str, float] = {}

    def reason(self, error: Exception) -> str | None:
        """Why no record can be made of an event; None when the fault is elsewhere, so that a retry can help.

        An unexpected error is a defect and would be the same on every retry, so the event is kept as a dead letter
        until the defect is fixed. The error's text may repeat what the visitor sent: it is not in reason or log.
        """
        if isinstance(error, MalformedEventError):
            return str(error)
        name = type(error).__name__
        now = time.monotonic()
        if now - self._logged.get(name, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged[name] = now
            log.error("an event could not be processed", error=name, trace=trace(error))
        return None if isinstance(error, _ELSEWHERE) else f"the collector failed on this event: {name}"

    def send(
        self, source: str, reason: str, original: bytes, request: Request, settle: Settle, events: int = 1,
        more: Headers | tuple[()] = (),
    ) -> None:  # fmt: skip
        """Keep bytes as they came, why, and where from. No addresses. `events`: how many events they are."""
        self._metrics.dead[source] += events
        if not self._allows(min(len(original), MAX_BYTES) + _AROUND):
            self._metrics.dead_not_kept[source] += events
            self._not_kept[source] += events
            settle(None)
            return
        headers: Headers = [
            ("reason", reason), ("source", source), ("path", request.path), ("received", str(request.arrival_ms)),
            ("events", str(events)), *more,
        ]  # fmt: skip
        kept = b"" if self._is_private(request.headers) else self._redaction.of(source, original)
        if original and not kept:
            headers = [header for header in headers if header[0] != "query"]
            headers.append(("left_out", str(len(original))))
        original = kept
        left_out = len(original) - MAX_BYTES
        if left_out > 0:
            original = original[:MAX_BYTES]
            headers.append(("left_out", str(left_out)))
        self._delivery.send(Message(self._topic, None, original, request.arrival_ms, settle, headers))
        # For those who count: without the bytes, which have no form of their own.
        self._notify(source, reason, len(original), events, request.arrival_ms)

    def report(self) -> None:
        """Send a notice of what was not kept since the last time. To be called about once a second."""
        not_kept, self._not_kept = self._not_kept, Counter()
        for source, events in not_kept.items():
            self._notify(source, _TOO_MANY, 0, events, time.time_ns() // 1_000_000)

    def _notify(self, source: str, reason: str, size: int, events: int, timestamp_ms: int) -> None:
        if self._notice_topic is not None:
            notice = orjson.dumps({
                "timestamp": timestamp_ms, "stage": "collector", "source": source, "reason": reason, "bytes": size,
                "events": events,
            })  # fmt: skip
            self._delivery.send(Message(self._notice_topic, None, notice, timestamp_ms, _nobody_waits))

    def _allows(self, size: int) -> bool:
        """Whether so many bytes may be kept: a flood of nonsense must not push out what is worth a look."""
        now = time.monotonic()
        self._allowance = min(self._burst, self._allowance + (now - self._allowed_at) * self._rate)
        self._allowed_at = now
        if size > self._allowance:
            return False
        self._allowance -= size
        return True

    def send_batch(
        self, events: Sequence[JsonValue], rejected: Sequence[BatchItem], request: Request, source: str = "batch"
    ) -> None:
        """Keep the rejected events of a batch or a JSON list in one message, in a form that can be sent again.

        When all were rejected, that is the body as it came.
        """
        places: dict[str, list[int]] = {}
        for item in rejected:
            places.setdefault(item.rejection or "", []).append(item.index)
        reason = max(places, key=lambda text: len(places[text]))
        if len(places) > 1:
            reason += ", and other reasons"
        original = None
        if len(rejected) < len(events):
            kept = [events[item.index] for item in rejected]
            original = json_text({"events": kept} if source == "batch" else kept)
        listed = orjson.dumps([{"reason": text, "indexes": indexes} for text, indexes in places.items()])
        more: Headers = [("rejected", listed)]
        if source != "batch":
            more.append(("query", request.query))  # it may name the party
        self.send(
            source, reason, request.body if original is None else original.encode(), request,
            partial(settle_all, rejected), len(rejected), more,
        )  # fmt: skip
