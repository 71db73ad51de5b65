"""The endpoints: from a request to messages, and from their outcome to the answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from collector.answers import SENTINEL_ETAG
from collector.dead_letters import DeadLetters
from collector.delivery.message import Message
from collector.enrich.entries import Entries
from collector.http.responses import plain
from collector.http.script import is_listed
from collector.model.event import MalformedEventError, reject
from collector.outcomes import BatchAnswer, BatchItem, EventAnswer
from collector.protocol.redaction import Redaction
from collector.sources import BATCH, BROWSER, JSON, PIXEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.delivery.kafka import Delivery
    from collector.delivery.message import Headers
    from collector.enrich.enricher import Enricher, Visitor
    from collector.http.request import Request
    from collector.mapping.compile import RecordMapping
    from collector.model.event import Event
    from collector.model.json_types import JsonValue
    from collector.outcomes import Outcomes
    from collector.settings import Settings
    from collector.sources import Sources

_BATCH_TYPES: Final = frozenset({"text/plain", "application/json", ""})


class Collector:
    """Takes events. Lives on one event loop."""

    def __init__(
        self, settings: Settings, sources: Sources, mapping: RecordMapping, enricher: Enricher, delivery: Delivery,
        outcomes: Outcomes,
    ) -> None:  # fmt: skip
        """From its parts."""
        self._settings = settings
        self._mapping = mapping
        self._encode = mapping.encode
        self._enricher = enricher
        self._entries = Entries()
        self._delivery = delivery
        self._topic = settings.topic
        self._max_record = settings.event_bytes
        self._answer_first = settings.acknowledge == "first"
        self._sources = sources
        schema_id = settings.confluent_schema_id
        self._framing = None if schema_id is None else b"\0" + schema_id.to_bytes(4, "big")
        topics = settings.dead_letter_topic, settings.dead_letter_notice_topic
        self.dead_letters = DeadLetters(
            delivery,
            *topics,
            outcomes.metrics,
            rate=settings.dead_letter_rate,
            burst=settings.dead_letter_burst,
            redaction=Redaction(
                keep_user_ids=settings.user_ids == "plain",
                url=None if enricher.urls.keeps_all else enricher.urls.text,
                address=None if settings.ip_storage == "full" else enricher.shown_address,
            ),
            is_private=enricher.is_private,
        )
        self.outcomes = outcomes
        self.metrics = outcomes.metrics

    def beacon(self, request: Request) -> None:
        """GET of one event: the GIF once it is durable."""
        if self._sources.is_pixel(request.query):
            self.pixel(request)
            return
        headers = request.headers
        # Only the browser's own copy: `*` names any answer, and its event is one that was not counted.
        if b"if-none-match" in headers and is_listed(headers[b"if-none-match"], f'"{SENTINEL_ETAG}"'):
            self.metrics.dropped["browser_refetch"] += 1
            request.respond(self.outcomes.answers.not_modified)
            return
        self._take_one(request, BROWSER, self.outcomes.answers.gif, self._parse_beacon)

    def pixel(self, request: Request) -> None:
        """GET of a page without JavaScript: an uncached GIF once it is durable."""
        self._take_one(request, PIXEL, self.outcomes.answers.pixel, self._parse_pixel)

    def _parse_beacon(self, request: Request) -> Event:
        return self._sources.beacon(request.query, request.arrival_ms)

    def _parse_pixel(self, request: Request) -> Event:
        return self._sources.pixel(request.query, request.headers, request.arrival_ms)

    def _take_one(self, request: Request, source: str, taken: bytes, parse: Callable[[Request], Event]) -> None:
        """The event of a query: answered with `taken` once it is durable, or a dead letter."""
        self.metrics.received[source] += 1
        answer = EventAnswer(self.outcomes, request, taken)
        if self._answer_first:
            answer.send()
        try:
            self.take(parse(request), self._enricher.visitor(request.peer, request.headers), answer)
        except Exception as error:  # noqa: BLE001 - whatever an event does, it must not come back as a retry
            self.refuse(error, source, request.query, request, answer)

    def batch(self, request: Request) -> None:
        """POST of many events: which of them were taken."""
        content_type = request.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if content_type not in _BATCH_TYPES:
            self.metrics.rejected["content_type"] += 1
            text = "Content type must be application/json or text/plain."
            request.respond(plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text))
            return
        try:
            events = self._sources.batch(request.body)
        except MalformedEventError as error:
            self.metrics.received[BATCH] += 1
            refusal = EventAnswer(self.outcomes, request, plain(HTTPStatus.BAD_REQUEST, str(error)))
            self.dead_letters.send(BATCH, str(error), request.body, request, refusal.settle)
            return
        self.metrics.received[BATCH] += len(events)
        if len(events) > self._settings.batch_events:
            self.metrics.rejected["batch_too_large"] += len(events)
            text = f"A batch may have {self._settings.batch_events} events, this one has {len(events)}."
            request.respond(plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text))
            return
        answer = BatchAnswer(self.outcomes, request, len(events))
        if not events:
            answer.finish()
            return
        self._take_batch(events, request, answer)
        if self._answer_first:
            answer.send_now()

    def _take_batch(self, events: list[JsonValue], request: Request, answer: BatchAnswer) -> None:
        visitor: Visitor | None = None
        rejected: list[BatchItem] = []
        for index, given in enumerate(events):
            item = answer.item(index)
            try:
                event = self._sources.batch_event(given, request.arrival_ms)
                item.event_id = event.event_id
                if visitor is None:
                    visitor = self._enricher.visitor(request.peer, request.headers)
                self.take(event, visitor, item)
            except Exception as error:  # noqa: BLE001 - one event must not take the others with it
                item.rejection = self.dead_letters.reason(error)
                if item.rejection is None:
                    item.settle("internal")
                else:
                    rejected.append(item)
        if rejected:
            self.dead_letters.send_batch(events, rejected, request)

    def take(self, event: Event, visitor: Visitor, answer: EventAnswer | BatchItem) -> None:
        """Make a good event durable; MalformedEventError when no record can be made of it."""
        metrics, duplicates = self.metrics, self.outcomes.duplicates
        reason = self._enricher.enrich(event, visitor)
        if event.is_corrupt:
            metrics.flagged["corrupt"] += 1
            if self._mapping.discard_corrupted:
                reason = reason or "corrupt"
        signature = None
        if duplicates is not None and reason is None:
            signature, event.is_duplicate = duplicates.check(event.party_id, event.session_id, event.event_id)
            if event.is_duplicate:
                metrics.flagged["duplicate"] += 1
                if self._mapping.discard_duplicates and duplicates.is_confirmed(signature):
                    reason = "duplicate"
        if reason is not None:
            metrics.dropped[reason] += 1
            answer.settle(None)
            return
        event.is_entry = not event.is_duplicate and self._entries.is_entry(event)
        if event.is_bot:
            metrics.flagged["bot"] += 1
        answer.signature = signature
        try:
            datum = self._record(event)
        except Exception:
            answer.signature = None
            if signature is not None and duplicates is not None:
                duplicates.forget(signature)
            raise
        metrics.accepted += 1
        self._delivery.send(Message(self._topic, event.key, datum, event.arrival_ms, answer.settle))

    def _record(self, event: Event) -> bytes:
        """The Kafka value of an event; MalformedEventError when there is none."""
        datum = self._encode(event)
        if len(datum) > self._max_record:
            reject(f"the record is too large: COLLECTOR_EVENT_BYTES allows {self._max_record} bytes")
        return datum if self._framing is None else self._framing + datum

    def refuse(self, error: Exception, source: str, original: bytes, request: Request, answer: EventAnswer) -> None:
        """Make a dead letter of an event that failed."""
        reason = self.dead_letters.reason(error)
        if reason is None:
            answer.settle("internal")
            return
        more: Headers | tuple[()] = ()
        if source == JSON:
            answer.response = plain(HTTPStatus.BAD_REQUEST, reason)
            more = [("query", request.query)]  # which names the party
        self.dead_letters.send(source, reason, original, request, answer.settle, more=more)
