"""The four sources of events, and how a request of each becomes events: for the server and for `check` alike."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from collector.model.behalf import ITSELF
from collector.model.event import Event, reject
from collector.protocol.batch import parse_batch, parse_batch_event
from collector.protocol.beacon import parse_beacon
from collector.protocol.consent import GRANTED
from collector.protocol.identifier import canonical_identifier
from collector.protocol.json_source import ReadEvent, parse_document, read_event
from collector.protocol.pixel import MARK, SOURCE, is_pixel, parse_pixel
from collector.protocol.query import parse_query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from collector.model.json_types import JsonValue
    from collector.settings import Settings

BROWSER: Final = "browser"
PIXEL: Final = SOURCE
BATCH: Final = "batch"
JSON: Final = "json"


class Source(NamedTuple):
    """A way in: its name in events and metrics, the path, the method, and the largest body (0: none)."""

    name: str
    path: str
    method: bytes
    body_bytes: int = 0


class Sources:
    """Reads requests as the settings say. Every method raises MalformedEventError for what is not an event."""

    def __init__(self, settings: Settings) -> None:
        """Of a collector with these settings."""
        self._cookieless = settings.cookieless
        self._cookies = settings.readable_cookies
        self._consent = settings.consent_parameter
        self._party_parameter = settings.json_party_parameter
        self.table: tuple[Source, ...] = tuple(
            source
            for source in (
                Source(PIXEL, settings.event_path, b"GET"),
                Source(BROWSER, settings.event_path, b"GET"),
                Source(BATCH, settings.batch_path, b"POST", settings.batch_bytes),
                # A list of events may be as large as a batch.
                Source(JSON, settings.json_path, b"POST", max(settings.json_bytes, settings.batch_bytes)),
            )
            if source.path
        )
        """A request belongs to the first source that takes it: a pixel is a beacon with a mark."""

    @staticmethod
    def is_pixel(query: bytes) -> bool:
        """Whether a request to the path of the beacon is one of a page without JavaScript."""
        return MARK in query and is_pixel(query)

    def beacon(self, query: bytes, arrival_ms: int) -> Event:
        """The event of a query."""
        return parse_beacon(query, arrival_ms, cookieless=self._cookieless, consent=self._consent)

    def pixel(self, query: bytes, headers: Mapping[bytes, bytes], arrival_ms: int) -> Event:
        """The page view of a query, with what the headers say of the page and the visitor."""
        return parse_pixel(query, headers, arrival_ms, cookies=self._cookies, consent=self._consent)

    @staticmethod
    def batch(body: bytes) -> list[JsonValue]:
        """The events of a batch, each to be read by `batch_event`."""
        return parse_batch(body)

    def batch_event(self, given: JsonValue, arrival_ms: int) -> Event:
        """One event of a batch."""
        return parse_batch_event(given, arrival_ms, cookieless=self._cookieless, consent=self._consent)

    @staticmethod
    def json(body: bytes) -> JsonValue:
        """The event of an app or a server, or a list of events, for `json_event` to read one by one."""
        if not body:
            reject("the body is empty")
        return parse_document(body)

    def json_event(self, given: JsonValue, query: bytes, arrival_ms: int) -> ReadEvent:
        """One event of an app or a server. Party and consent come from the query if the event has none of its own."""
        parameters = _parameters(query)
        party = None
        if self._party_parameter in parameters:
            party = canonical_identifier(parameters[self._party_parameter])
            if party is None:
                reject(f"the party id in parameter {self._party_parameter!r} is not an identifier")
        parsed = read_event(given, party, arrival_ms)
        if parsed.event.consent is None and self._consent is not None and self._consent in parameters:
            parsed.event.consent = parameters[self._consent].lower() in GRANTED
        return parsed

    def source_of(self, path: str, query: bytes, method: bytes) -> Source | None:
        """The source that takes a request; None if there is none."""
        for source in self.table:
            if source.path == path and source.method == method and (source.name != PIXEL or self.is_pixel(query)):
                return source
        return None

    def events(
        self, source: Source, query: bytes, headers: Mapping[bytes, bytes], body: bytes, arrival_ms: int
    ) -> Iterator[Callable[[], ReadEvent]]:
        """A call for each event of a request."""
        if source.name == BATCH:
            for given in self.batch(body):
                yield partial(_itself, partial(self.batch_event, given, arrival_ms))
        elif source.name == JSON:
            document = self.json(body)
            for given in document if isinstance(document, list) else [document]:
                yield partial(self.json_event, given, query, arrival_ms)
        elif source.name == PIXEL:
            yield partial(_itself, partial(self.pixel, query, headers, arrival_ms))
        else:
            yield partial(_itself, partial(self.beacon, query, arrival_ms))


@lru_cache(16)
def _parameters(query: bytes) -> dict[str, str]:
    """The first value of each parameter, parsed once for all events of a list: a long query takes a millisecond."""
    return dict(reversed(parse_query(query)))


def _itself(parse: Callable[[], Event]) -> ReadEvent:
    return ReadEvent(parse(), ITSELF)
