"""Answers that wait for the fate of their events."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from collector.http.responses import JSON, plain, response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.http.request import Request
    from collector.service import Collector


class EventAnswer:
    """The answer to a request of one event. `settle` is the message's callback."""

    __slots__ = ("_collector", "_request", "response", "signature")

    def __init__(self, collector: Collector, request: Request, answer: bytes) -> None:
        """`answer` is sent when the event is safe, or at once by `send`."""
        self._collector = collector
        self._request = request
        self.response = answer
        self.signature: int | None = None

    def send(self) -> None:
        """Answer now."""
        request = self._request
        self._collector.metrics.observe_latency(request.connection.now() - request.started)
        request.respond(self.response)

    def settle(self, problem: str | None) -> None:
        """The event's fate is known: answer, unless that was done first."""
        collector = self._collector
        collector.settle(self.signature, problem)
        if problem is not None:
            self.response = collector.answers.unavailable
        if self._request.answer is None:
            self.send()


class BatchAnswer:
    """The answer to a batch: sent when the fate of all its events is known."""

    def __init__(self, collector: Collector, request: Request, count: int) -> None:
        """For so many events."""
        self.collector = collector
        self._request = request
        self.open = count
        self._items: list[BatchItem] = []

    def item(self, index: int) -> BatchItem:
        """What to settle for the event at that index."""
        item = BatchItem(self, index)
        self._items.append(item)
        return item

    def finish(self) -> None:
        """Tell which events were taken; 503 when nothing could be made safe."""
        if self._request.answer is not None:
            return
        collector, request = self.collector, self._request
        collector.metrics.observe_latency(request.connection.now() - request.started)
        items, self._items = self._items, []  # so that nothing refers to itself and waits for the garbage collector
        accepted = [item.event_id for item in items if item.safe and item.rejection is None]
        rejected = [{"index": item.index, "reason": item.rejection} for item in items if item.safe and item.rejection]
        if items and not accepted and not rejected:
            text = "No event could be made safe."
            request.respond(plain(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "2"}))
            return
        body = orjson.dumps({"accepted": accepted, "rejected": rejected})
        request.respond(response(HTTPStatus.OK, JSON, body))

    def send_now(self) -> None:
        """Answer before anything is safe."""
        for item in self._items:
            item.safe = True
        self.finish()


class BatchItem:
    """One event of a batch. `rejection`: why it is malformed; `safe`: it, or its dead letter, is durable."""

    __slots__ = ("_batch", "event_id", "index", "rejection", "safe", "signature")

    def __init__(self, batch: BatchAnswer, index: int) -> None:
        """The event at that index."""
        self._batch = batch
        self.index = index
        self.event_id = ""
        self.rejection: str | None = None
        self.safe = False
        self.signature: int | None = None

    def settle(self, problem: str | None) -> None:
        """The event's fate is known; with the last one's, the batch is answered."""
        batch = self._batch
        self.safe = problem is None
        batch.collector.settle(self.signature, problem)
        batch.open -= 1
        if batch.open == 0:
            batch.finish()


def settle_all(items: Sequence[BatchItem], problem: str | None) -> None:
    """The fate of events that share a message."""
    for item in items:
        item.settle(problem)
