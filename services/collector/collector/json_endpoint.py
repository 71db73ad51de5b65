"""The endpoint of apps and servers: one event or a list, with a write key where the site has some."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from collector.enrich.write_keys import MISSING, bearer_token
from collector.http.responses import plain
from collector.model.event import MalformedEventError
from collector.outcomes import BatchAnswer, EventAnswer
from collector.sources import JSON

if TYPE_CHECKING:
    from collector.enrich.enricher import Enricher
    from collector.enrich.write_keys import WriteKeys
    from collector.http.request import Request
    from collector.model.event import Event
    from collector.model.json_types import JsonValue
    from collector.outcomes import BatchItem
    from collector.protocol.json_source import ReadEvent
    from collector.service import Collector
    from collector.settings import Settings
    from collector.sources import Sources

_CHARSETS: Final = ("", "charset=utf-8", 'charset="utf-8"')


class JsonEndpoint:
    """Takes events of apps and servers, checks their write keys, and hands them to the collector."""

    def __init__(
        self, settings: Settings, sources: Sources, enricher: Enricher, collector: Collector, keys: WriteKeys | None
    ) -> None:
        """`keys`: the write keys of all sites; None if no site has any."""
        self._event_bytes = settings.json_bytes
        self._max_events = settings.batch_events
        self._answer_first = settings.acknowledge == "first"
        self._sources = sources
        self._enricher = enricher
        self._collector = collector
        self._outcomes = collector.outcomes
        self._metrics = collector.metrics
        self._keys = keys

    def post(self, request: Request) -> None:
        """POST of one event: 204 once it is durable. POST of a list: which events were accepted or rejected."""
        kind, _, parameters = request.headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
        if kind.strip() != "application/json" or parameters.strip() not in _CHARSETS:
            self._metrics.rejected["content_type"] += 1
            request.respond(plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content type must be application/json."))
            return
        document: JsonValue = None
        problem: MalformedEventError | None = None
        try:
            document = self._sources.json(request.body)
        except MalformedEventError as error:
            problem = error
        if isinstance(document, list):
            self._take_list(document, request)
            return
        if len(request.body) > self._event_bytes:
            self._metrics.rejected["body_too_large"] += 1
            text = f"A single event may have {self._event_bytes} bytes, this one has {len(request.body)}."
            request.respond(plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text))
            return
        self._metrics.received[JSON] += 1
        answer = EventAnswer(self._outcomes, request, self._outcomes.answers.no_content)
        if problem is None:
            self._take_one(document, request, answer)
        else:
            self._collector.refuse(problem, JSON, request.body, request, answer)

    def _take_one(self, document: JsonValue, request: Request, answer: EventAnswer) -> None:
        try:
            parsed = self._sources.json_event(document, request.query, request.arrival_ms)
            address_trusted, refusal = self._key_of(parsed.event, bearer_token(request.headers))
            if refusal is not None:
                self._refuse_key(refusal, 1, "The event's site", request)
                return
            if self._answer_first:
                answer.send()
            self._take(parsed, request, answer, address_trusted=address_trusted)
        except Exception as error:  # noqa: BLE001 - whatever an event does, it must not come back as a retry
            self._collector.refuse(error, JSON, request.body, request, answer)

    def _take_list(self, events: list[JsonValue], request: Request) -> None:
        self._metrics.received[JSON] += len(events)
        if len(events) > self._max_events:
            self._metrics.rejected["batch_too_large"] += len(events)
            text = f"A list may have {self._max_events} events, this one has {len(events)}."
            request.respond(plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text))
            return
        read = [self._read(given, request) for given in events]
        token = bearer_token(request.headers)
        addresses_trusted: list[bool] = []
        for index, parsed in enumerate(read):
            is_trusted, refusal = (False, None) if isinstance(parsed, Exception) else self._key_of(parsed.event, token)
            if refusal is not None:  # nothing of the list is taken yet, so it can be sent again unchanged
                self._refuse_key(refusal, len(events), f"The site of event {index}", request)
                return
            addresses_trusted.append(is_trusted)
        answer = BatchAnswer(self._outcomes, request, len(events))
        if not events:
            answer.finish()
            return
        rejected: list[BatchItem] = []
        for index, parsed in enumerate(read):
            item = answer.item(index)
            error = self._failure_of(parsed, request, item, address_trusted=addresses_trusted[index])
            if error is not None:
                item.rejection = self._collector.dead_letters.reason(error)
                if item.rejection is None:
                    item.settle("internal")
                else:
                    rejected.append(item)
        if rejected:
            self._collector.dead_letters.send_batch(events, rejected, request, JSON)
        if self._answer_first:
            answer.send_now()

    def _failure_of(
        self, parsed: ReadEvent | Exception, request: Request, item: BatchItem, *, address_trusted: bool
    ) -> Exception | None:
        """Take one event of a list. Returns its error, for one event must not take the others with it."""
        if isinstance(parsed, Exception):
            return parsed
        try:
            item.event_id = parsed.event.event_id
            self._take(parsed, request, item, address_trusted=address_trusted)
        except Exception as error:  # noqa: BLE001
            return error
        return None

    def _read(self, given: JsonValue, request: Request) -> ReadEvent | Exception:
        try:
            return self._sources.json_event(given, request.query, request.arrival_ms)
        except Exception as error:  # noqa: BLE001 - reported with the rest of the list
            return error

    def _take(
        self, parsed: ReadEvent, request: Request, answer: EventAnswer | BatchItem, *, address_trusted: bool
    ) -> None:
        if parsed.event.user_id is not None and not address_trusted:
            self._enricher.user_ids.drop(parsed.event, "no_write_key")
        visitor = self._enricher.visitor_of(
            parsed.behalf, request.peer, request.headers, address_trusted=address_trusted
        )
        self._collector.take(parsed.event, visitor, answer)

    def _key_of(self, event: Event, token: bytes | None) -> tuple[bool, str | None]:
        """Whether the token is a key of the event's site; the reason if the event may not be written, else None."""
        if self._keys is None:
            return False, None
        try:
            site = self._enricher.site_of(event)
        except MalformedEventError:  # it belongs to no site: there is no key to check, and it is rejected later
            return False, None
        refusal = self._keys.problem(site, token)
        return refusal is None and self._keys.has(site), refusal

    def _refuse_key(self, refusal: str, events: int, whose: str, request: Request) -> None:
        self._metrics.rejected[refusal] += events
        if refusal == MISSING:
            challenge = "Bearer"
            text = f"{whose} has write keys. Send one in the header Authorization: Bearer <key>."
        else:
            challenge = 'Bearer error="invalid_token"'
            text = f"{whose} has other write keys than the one in the header Authorization."
        request.respond(plain(HTTPStatus.UNAUTHORIZED, text, {"WWW-Authenticate": challenge}))
