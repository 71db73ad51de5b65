"""What may be kept about a visitor."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from collector.model.base36 import to_base36
from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    from pathlib import Path

    from collector.model.event import Event
    from collector.model.json_types import JsonValue

log = structlog.get_logger(__name__)
_DAY_MS: Final = 86_400_000
MEASUREMENTS: Final = ("engagement_ms", "scroll_percent")
"""Parameters of the tracker that an anonymised event keeps."""


def truncate_address(address: str) -> str:
    """The address without its host part: 24 bits of IPv4, 48 of IPv6."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    if mapped is not None:
        parsed = mapped
    network = ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False)
    return str(network.network_address)


class DailySalt:
    """A secret of the day, which makes one day's identifiers useless on the next.

    Derived from a given secret, so that replicas agree; or else random and kept in a file for the day only, so
    that nobody can compute it later.
    """

    def __init__(self, secret: bytes | None, file: Path | None) -> None:
        """With a shared secret, or a file for a random salt (None: only in memory)."""
        self._secret = secret
        self._file = file
        self._day = -1
        self._salt = b""

    def of(self, time_ms: int) -> bytes:
        """The salt of that day (UTC)."""
        day = time_ms // _DAY_MS
        if day > self._day:  # an older time, just after midnight, gets the new day's
            self._salt = self._derive(day)
            self._day = day
        return self._salt

    def _derive(self, day: int) -> bytes:
        if self._secret is not None:
            return hmac.digest(self._secret, str(day).encode(), "sha256")
        salt = self._read(day)
        if salt is None:
            salt = secrets.token_bytes(32)
            self._keep(day, salt)
        return salt

    def _read(self, day: int) -> bytes | None:
        """The day's salt, if the file has it, whole."""
        if self._file is None or not self._file.exists():
            return None
        found = re.fullmatch(rf"{day} ([0-9a-f]{{64}})", self._file.read_text(encoding="latin-1"))
        return None if found is None else bytes.fromhex(found[1])

    def _keep(self, day: int, salt: bytes) -> None:
        """Write over the last day's salt, which needs no room on the disk; where it does, go on without."""
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(descriptor, os.pwrite(descriptor, f"{day} {salt.hex()}".encode(), 0))
            finally:
                os.close(descriptor)
        except OSError as error:
            text = "the day's salt cannot be kept: identifiers derived from it change with a restart"
            log.error(text, error=str(error))
            with suppress(OSError):
                self._file.unlink(missing_ok=True)  # the last day's, which nobody may know any more


class Anonymiser:
    """Replaces identifiers: by none at all, or by ones that hold for a day and need no cookie."""

    def __init__(self, salt: DailySalt, session_timeout: int) -> None:
        """Sessions end after so many seconds without an event."""
        self._salt = salt
        self._timeout_ms = session_timeout * 1000
        self._sessions: BoundedCache[bytes, list[int]] = BoundedCache(200_000)

    def anonymise(self, event: Event) -> None:
        """Remove everything that links events of one visitor or identifies them, but for queries of URLs.

        The event id is replaced by a keyed hash of itself, so that a repeated event is still recognised.
        """
        digest = hmac.digest(self._salt.of(event.arrival_ms), event.event_id.encode(), "sha256")
        event.event_id = digest_text(digest)
        event.party_id = None
        event.session_id = None
        event.user_id = None
        event.page_view_id = None
        event.is_new_party = False
        event.is_first_in_session = False
        event.ip = None
        event.key = None
        event.headers = {name: value for name, value in event.headers.items() if name == b"accept-language"}
        event.parameters = _measurements(event.parameters)
        if event.place is not None:
            event.place = event.place.country_level()
        if event.agent is not None:
            event.agent = event.agent.without_text()

    def complete(self, event: Event, address: str, user_agent: bytes) -> None:
        """As `identify`, for what no cookie provided."""
        party, session = event.party_id, event.session_id
        self.identify(event, address, user_agent)
        if party is not None:
            event.party_id, event.is_new_party = party, False
        if session is not None:
            event.session_id, event.is_first_in_session = session, False

    def identify(self, event: Event, address: str, user_agent: bytes) -> None:
        """Party and session from the address, the user agent and the day's salt, in place of cookies."""
        now = event.arrival_ms
        host = event.page.parts.get("host", "") if event.page is not None else ""
        data = b"\0".join((address.encode(), user_agent, host.encode()))
        visitor = hmac.digest(self._salt.of(now), data, "sha256")
        known = self._sessions.get(visitor)
        midnight = now - now % _DAY_MS
        event.is_new_party = known is None
        event.is_first_in_session = known is None or now - known[1] > self._timeout_ms
        if known is None or event.is_first_in_session:
            known = [now, now]
            self._sessions.put(visitor, known)
        known[1] = now
        event.party_id = f"0:{to_base36(midnight)}:{digest_text(visitor)}"
        session = hashlib.sha256(visitor + str(known[0]).encode()).digest()
        event.session_id = f"0:{to_base36(known[0])}:{digest_text(session)}"


def _measurements(parameters: JsonValue) -> JsonValue:
    """The numbers that the tracker measures; a page can put anything into its own parameters."""
    if not isinstance(parameters, dict):
        return None
    found = {name: parameters.get(name) for name in MEASUREMENTS}
    return {name: value for name, value in found.items() if type(value) is int or type(value) is float} or None


def digest_text(digest: bytes) -> str:
    """The first 192 bits, as 32 letters, digits, - and _."""
    return base64.urlsafe_b64encode(digest[:24]).decode()


def asks_for_privacy(headers: dict[bytes, bytes]) -> bool:
    """Whether the browser sends Sec-GPC or DNT."""
    return headers.get(b"sec-gpc") == b"1" or headers.get(b"dnt") == b"1"
