"""The endpoints: from a request to messages, and from their fate to the answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from collector.answers import SENTINEL_ETAG, Answers
from collector.dead_letters import DeadLetters
from collector.delivery.message import Message
from collector.event import Event, MalformedEventError, reject
from collector.http.responses import plain
from collector.http.script import is_listed
from collector.pending import BatchAnswer, BatchItem, EventAnswer
from collector.protocol.batch import parse_batch, parse_batch_event
from collector.protocol.beacon import parse_beacon
from collector.protocol.identifier import canonical_identifier
from collector.protocol.json_source import parse_json_event
from collector.protocol.pixel import MARK, is_pixel, parse_pixel
from collector.protocol.pixel import SOURCE as PIXEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.delivery.kafka import Delivery
    from collector.delivery.message import Headers
    from collector.enrich.duplicates import DuplicateMemory
    from collector.enrich.enricher import Enricher, Visitor
    from collector.http.request import Request
    from collector.mapping.compile import RecordMapping
    from collector.metrics import Metrics
    from collector.protocol.mincode import JsonValue
    from collector.settings import Settings

_BATCH_TYPES: Final = frozenset({"text/plain", "application/json", ""})


class Collector:
    """Takes events. Lives on one event loop."""

    def __init__(
        self, settings: Settings, mapping: RecordMapping, enricher: Enricher, delivery: Delivery,
        duplicates: DuplicateMemory | None, metrics: Metrics,
    ) -> None:  # fmt: skip
        """From its parts."""
        self._settings = settings
        self._mapping = mapping
        self._encode = mapping.encode
        self._enricher = enricher
        self._delivery = delivery
        self._topic = settings.topic
        self._max_record = settings.event_bytes
        self._answer_first = settings.acknowledge == "first"
        self._cookieless = settings.cookieless
        self._cookies = settings.readable_cookies
        self._consent = settings.consent_parameter
        schema_id = settings.confluent_schema_id
        self._framing = None if schema_id is None else b"\0" + schema_id.to_bytes(4, "big")
        topics = settings.dead_letter_topic, settings.dead_letter_notice_topic
        self._dead_letters = DeadLetters(delivery, *topics, metrics)
        self.duplicates = duplicates
        self.metrics = metrics
        self.answers = Answers()

    def beacon(self, request: Request) -> None:
        """GET of one event: the GIF once it is durable."""
        if MARK in request.query and is_pixel(request.query):
            self.pixel(request)
            return
        headers = request.headers
        # Only the browser's own copy: `*` names any answer, and its event is one that was not counted.
        if b"if-none-match" in headers and is_listed(headers[b"if-none-match"], f'"{SENTINEL_ETAG}"'):
            self.metrics.dropped["browser_refetch"] += 1
            request.respond(self.answers.not_modified)
            return
        self._take_one(request, "browser", self.answers.gif, self._parse_beacon)

    def pixel(self, request: Request) -> None:
        """GET of a page without JavaScript: an uncached GIF once it is durable."""
        self._take_one(request, PIXEL, self.answers.pixel, self._parse_pixel)

    def _parse_beacon(self, request: Request) -> Event:
        return parse_beacon(request.query, request.arrival_ms, cookieless=self._cookieless, consent=self._consent)

    def _parse_pixel(self, request: Request) -> Event:
        return parse_pixel(
            request.query, request.headers, request.arrival_ms, cookies=self._cookies, consent=self._consent
        )

    def _take_one(self, request: Request, source: str, taken: bytes, parse: Callable[[Request], Event]) -> None:
        """The event of a query: answered with `taken` once it is durable, or a dead letter."""
        self.metrics.received[source] += 1
        answer = EventAnswer(self, request, taken)
        if self._answer_first:
            answer.send()
        try:
            self._take(parse(request), self._enricher.visitor(request.peer, request.headers), answer)
        except Exception as error:  # noqa: BLE001 - whatever an event does, it must not come back as a retry
            self._refuse(error, source, request.query, request, answer)

    def batch(self, request: Request) -> None:
        """POST of many events: which of them were taken."""
        content_type = request.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if content_type not in _BATCH_TYPES:
            self.metrics.rejected["content_type"] += 1
            text = "Content type must be application/json or text/plain."
            request.respond(plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text))
            return
        try:
            events = parse_batch(request.body)
        except MalformedEventError as error:
            self.metrics.received["batch"] += 1
            refusal = EventAnswer(self, request, plain(HTTPStatus.BAD_REQUEST, str(error)))
            self._dead_letters.send("batch", str(error), request.body, request, refusal.settle)
            return
        self.metrics.received["batch"] += len(events)
        if len(events) > self._settings.batch_events:
            self.metrics.rejected["batch_too_large"] += len(events)
            text = f"A batch may have {self._settings.batch_events} events, this one has {len(events)}."
            request.respond(plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text))
            return
        answer = BatchAnswer(self, request, len(events))
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
                event = parse_batch_event(given, request.arrival_ms, cookieless=self._cookieless, consent=self._consent)
                item.event_id = event.event_id
                if visitor is None:
                    visitor = self._enricher.visitor(request.peer, request.headers)
                self._take(event, visitor, item)
            except Exception as error:  # noqa: BLE001 - one event must not take the others with it
                item.rejection = self._dead_letters.reason(error)
                if item.rejection is None:
                    item.settle("internal")
                else:
                    rejected.append(item)
        if rejected:
            self._dead_letters.send_batch(events, rejected, request)

    def json_event(self, request: Request) -> None:
        """POST of one event of an app or a server: 204 once it is durable."""
        content_type = request.headers.get(b"content-type", b"").decode("latin-1")
        kind, _, parameters = content_type.partition(";")
        if kind.strip().lower() != "application/json" or parameters.strip().lower() not in (
            "",
            "charset=utf-8",
            'charset="utf-8"',
        ):
            self.metrics.rejected["content_type"] += 1
            request.respond(plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content type must be application/json."))
            return
        self.metrics.received["json"] += 1
        answer = EventAnswer(self, request, self.answers.no_content)
        try:
            query = parse_qs(request.query.decode("latin-1"), keep_blank_values=True, errors="replace")
            name = self._settings.json_party_parameter
            party = canonical_identifier(query.get(name, [""])[0])
            if not request.body:
                reject("the body is empty")
            if party is None:
                reject(f"the party id in parameter {name!r} is missing or no identifier")
            event = parse_json_event(request.body, party, request.arrival_ms)
            if self._consent is not None and self._consent in query:
                event.consent = query[self._consent][0].lower() in ("granted", "t", "true", "1", "yes")
            if self._answer_first:
                answer.send()
            self._take(event, self._enricher.visitor(request.peer, request.headers), answer)
        except Exception as error:  # noqa: BLE001 - whatever an event does, it must not come back as a retry
            self._refuse(error, "json", request.body, request, answer)

    def settle(self, signature: int | None, problem: str | None) -> None:
        """Account for an event whose fate is known."""
        if signature is not None and self.duplicates is not None:
            if problem is None:
                self.duplicates.confirm(signature)
            else:
                self.duplicates.forget(signature)
        if problem is None:
            self.metrics.acknowledged += 1
        else:
            self.metrics.rejected[problem] += 1

    def _take(self, event: Event, visitor: Visitor, answer: EventAnswer | BatchItem) -> None:
        """Make a good event durable; MalformedEventError when no record can be made of it."""
        metrics, duplicates = self.metrics, self.duplicates
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

    def _refuse(self, error: Exception, source: str, original: bytes, request: Request, answer: EventAnswer) -> None:
        """Make a dead letter of an event that failed."""
        reason = self._dead_letters.reason(error)
        if reason is None:
            answer.settle("internal")
            return
        more: Headers | tuple[()] = ()
        if source == "json":
            answer.response = plain(HTTPStatus.BAD_REQUEST, reason)
            more = [("query", request.query)]  # which names the party
        self._dead_letters.send(source, reason, original, request, answer.settle, more=more)
