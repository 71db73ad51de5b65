"""Takes out of what was sent what a collector may not keep: for dead letters, which otherwise are as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_plus, unquote_to_bytes

from collector.model.base36 import to_base36
from collector.protocol.checksum import checksum, matches
from collector.protocol.json_values import JsonError, json_text, parse_json
from collector.protocol.query import parse_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.model.json_types import JsonValue

PARAMETER: Final = "a"
"""The user ID in beacons and batches: the account."""
PROPERTY: Final = "user_id"
"""The user ID in the JSON source."""
ADDRESS: Final = "client_address"
_LINK: Final = "url"
"""In the parameters of events: the link that the tracker reports."""
_IN_BODY: Final = {
    "batch": (PARAMETER, ("l", "r"), "u"),
    "json": (PROPERTY, ("location", "referer"), "parameters"),
}
"""Names of the user ID, of URLs, and of the event's own parameters, which may use any name."""


class Redaction:
    """What a collector may keep of user IDs, URLs and addresses."""

    def __init__(
        self, *, keep_user_ids: bool, url: Callable[[str], str] | None, address: Callable[[str], str | None] | None
    ) -> None:
        """`url`, `address`: what may be kept of one; None: everything."""
        self._keep_user_ids = keep_user_ids
        self._url = url
        self._address = address

    def of(self, source: str, original: bytes) -> bytes:
        """The query or body of a source with what may be kept; unchanged if there is nothing to take out.

        Nothing is left of a body that may hold something to take out and is not JSON, or is JSON in a JSON string.
        """
        names = _IN_BODY.get(source)
        return self._of_query(original) if names is None else self._of_body(original, *names)

    def _of_query(self, query: bytes) -> bytes:
        kept: list[bytes] = []
        for pair in query.split(b"&"):
            raw, _, value = pair.partition(b"=")
            name = unquote_to_bytes(raw).decode("latin-1")
            if name == PARAMETER and not self._keep_user_ids:
                continue
            if name in ("l", "r") and self._url is not None:
                given = unquote_plus(value.decode("utf-8", "replace"))
                reduced = self._url(given)
                kept.append(pair if reduced == given else raw + b"=" + quote(reduced, safe="").encode())
            else:
                kept.append(pair)
        reduced_query = b"&".join(kept)
        return query if reduced_query == query else _with_checksum(query, reduced_query)

    def _of_body(self, body: bytes, user_id: str, urls: tuple[str, ...], parameters: str) -> bytes:
        if not any(mark in body for mark in self._marks(user_id)):
            return body
        try:
            document = parse_json(body)
        except JsonError:
            return b""
        if isinstance(document, str):
            return b""
        return (json_text(document) or "").encode() if self._reduce(document, user_id, urls, parameters) else body

    def _marks(self, user_id: str) -> tuple[bytes, ...]:
        """Bytes without one of which a body has nothing to take out."""
        marks = [b"\\u", b"\0"]
        if not self._keep_user_ids:
            marks += [f'"{user_id}"'.encode(), f'"{user_id}\\'.encode()]
        if self._url is not None:
            marks += [b"?", b"#", b"://", b"\\/", b"="]
        if self._address is not None:
            marks.append(ADDRESS.encode())
        return tuple(marks)

    def _reduce(self, value: JsonValue, user_id: str, urls: tuple[str, ...], parameters: str) -> bool:
        """Reduce all objects but the parameters, whatever the form of the body; whether anything changed."""
        if isinstance(value, list):
            changes = [self._reduce(item, user_id, urls, parameters) for item in value]
            return any(changes)
        if not isinstance(value, dict):
            return False
        changed = False
        if not self._keep_user_ids and user_id in value:
            del value[user_id]
            changed = True
        for name in urls:
            changed |= self._reduce_url(value, name)
        own = value.get(parameters)
        if isinstance(own, dict):
            changed |= self._reduce_url(own, _LINK)
        if self._address is not None and ADDRESS in value:
            changed |= self._reduce_address(value, self._address)
        inner = [
            self._reduce(item, user_id, urls, parameters)
            for name, item in value.items()
            if name != parameters and isinstance(item, dict | list)
        ]
        return any(inner) or changed

    def _reduce_url(self, given: dict[str, JsonValue], name: str) -> bool:
        url = given.get(name)
        if self._url is None or not isinstance(url, str):
            return False
        given[name] = self._url(url)
        return given[name] != url

    @staticmethod
    def _reduce_address(given: dict[str, JsonValue], reduce: Callable[[str], str | None]) -> bool:
        address = given[ADDRESS]
        kept = None
        if isinstance(address, str):
            try:
                kept = reduce(address)
            except ValueError:  # not an address
                kept = None
        if kept is None:
            del given[ADDRESS]
        else:
            given[ADDRESS] = kept
        return kept != address


def _with_checksum(original: bytes, reduced: bytes) -> bytes:
    """The reduced query with a checksum that matches it, if that of the original did: it can be sent again."""
    pairs = parse_query(original)
    if not matches(pairs, dict(reversed(pairs))):
        return reduced
    kept = [pair for pair in reduced.split(b"&") if not pair.startswith(b"x=")]
    return b"&".join([*kept, b"x=" + to_base36(checksum(parse_query(b"&".join(kept)))).encode()])
