"""The outcome of events: counted, remembered for the recognition of duplicates, and answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from collector.answers import Answers
from collector.http.responses import JSON, plain, response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.enrich.duplicates import DuplicateMemory
    from collector.http.request import Request
    from collector.metrics import Metrics


class Outcomes:
    """Accounts for events whose outcome is known."""

    __slots__ = ("answers", "duplicates", "metrics")

    def __init__(self, metrics: Metrics, duplicates: DuplicateMemory | None) -> None:
        """Of all events that a collector takes."""
        self.metrics = metrics
        self.duplicates = duplicates
        self.answers = Answers()

    def settle(self, signature: int | None, problem: str | None) -> None:
        """An event with that signature is durable, or is not for the reason `problem`."""
        if signature is not None and self.duplicates is not None:
            if problem is None:
                self.duplicates.confirm(signature)
            else:
                self.duplicates.forget(signature)
        if problem is None:
            self.metrics.acknowledged += 1
        else:
            self.metrics.rejected[problem] += 1


class EventAnswer:
    """The answer to a request of one event. `settle` is the message's callback."""

    __slots__ = ("_outcomes", "_request", "response", "signature")

    def __init__(self, outcomes: Outcomes, request: Request, answer: bytes) -> None:
        """`answer` is sent when the event is safe, or at once by `send`."""
        self._outcomes = outcomes
        self._request = request
        self.response = answer
        self.signature: int | None = None

    def send(self) -> None:
        """Answer now."""
        request = self._request
        self._outcomes.metrics.observe_latency(request.connection.now() - request.started)
        request.respond(self.response)

    def settle(self, problem: str | None) -> None:
        """The event's outcome is known: answer, unless that was done first."""
        outcomes = self._outcomes
        outcomes.settle(self.signature, problem)
        if problem is not None:
            self.response = outcomes.answers.unavailable
        if self._request.answer is None:
            self.send()


class BatchAnswer:
    """The answer to a batch: sent when the outcome of all its events is known."""

    def __init__(self, outcomes: Outcomes, request: Request, count: int) -> None:
        """For so many events."""
        self.outcomes = outcomes
        self._request = request
        self.open = count
        self._items: list[BatchItem] = []

    def item(self, index: int) -> BatchItem:
        """What to settle for the event at that index."""
        item = BatchItem(self, index)
        self._items.append(item)
        return item

    def finish(self) -> None:
        """Report which events were accepted; 503 when nothing could be made durable."""
        if self._request.answer is not None:
            return
        outcomes, request = self.outcomes, self._request
        outcomes.metrics.observe_latency(request.connection.now() - request.started)
        items, self._items = self._items, []  # so that nothing refers to itself and waits for the garbage collector
        accepted = [item.event_id for item in items if item.safe and item.rejection is None]
        rejected = [{"index": item.index, "reason": item.rejection} for item in items if item.safe and item.rejection]
        if items and not accepted and not rejected:
            text = "No event could be made durable."
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
        """The event's outcome is known; with the last one's, the batch is answered."""
        batch = self._batch
        self.safe = problem is None
        batch.outcomes.settle(self.signature, problem)
        batch.open -= 1
        if batch.open == 0:
            batch.finish()


def settle_all(items: Sequence[BatchItem], problem: str | None) -> None:
    """The outcome of events that share a message."""
    for item in items:
        item.settle(problem)
