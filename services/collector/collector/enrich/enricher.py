"""What the server adds to every event of a request, found once for the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.enrich.acquisition import Acquisition
from collector.enrich.address import ClientAddresses
from collector.enrich.bots import HEADER_NAMES, is_bot
from collector.enrich.geo import GeoDatabase
from collector.enrich.privacy import Anonymiser, DailySalt, asks_for_privacy, truncate_address
from collector.enrich.sites import Sites
from collector.enrich.urls import Urls
from collector.enrich.user_agent import Agents
from collector.enrich.user_ids import UserIds
from collector.model.behalf import ITSELF
from collector.model.cache import BoundedCache
from collector.model.place import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from collector.model.agent import Agent
    from collector.model.behalf import Behalf
    from collector.model.event import Event
    from collector.model.page import Page
    from collector.model.place import Place
    from collector.settings import Settings

MIN_SECRET_BYTES: Final = 16


class Visitor:
    """Who sent a request, as far as the request shows."""

    __slots__ = ("address", "agent", "asks_for_privacy", "headers", "place", "shown_address")

    def __init__(
        self, address: str, shown_address: str | None, agent: Agent, place: Place, headers: dict[bytes, bytes]
    ) -> None:
        """`shown_address` is the address as it may be stored."""
        self.address = address
        self.shown_address = shown_address
        self.agent = agent
        self.place = place
        self.headers = headers
        self.asks_for_privacy = False


class Enricher:
    """Applies the settings about proxies, geography, bots and privacy."""

    def __init__(self, settings: Settings) -> None:
        """Open databases and secrets. OSError and ValueError when they cannot be used."""
        self._addresses = ClientAddresses(settings.trusted_proxies, settings.trusted_peers)
        self._agents = Agents()
        self.sites = Sites(settings.sites)
        self._acquisition = Acquisition(settings.sites, settings.ignored_referrers)
        databases = settings.geo_databases
        self.geo = GeoDatabase(databases, settings.private_visitor_ip) if databases else None
        self._known: BoundedCache[str, tuple[Place, str | None]] = BoundedCache(65_536)
        self._ip_storage = settings.ip_storage
        self.urls = Urls(settings.url_parameters)
        self._bot_signals = settings.bot_signals
        self._signals_policy = settings.privacy_signals
        self._consent = settings.consent_parameter
        self._consent_default = settings.consent_default == "granted"
        self._without_consent = settings.without_consent
        self._cookieless = settings.cookieless
        secret = _secret("COLLECTOR_COOKIELESS_SECRET_FILE", settings.cookieless_secret_file)
        state = settings.state_directory
        salt = DailySalt(secret, None if state is None else state / "salt")
        self._anonymiser = Anonymiser(salt, settings.session_timeout)
        key = _secret("COLLECTOR_USER_ID_SECRET_FILE", settings.user_id_secret_file)
        self.user_ids = UserIds(settings.user_ids, key, cookieless=settings.cookieless)

    def visitor(self, peer: str, headers: dict[bytes, bytes]) -> Visitor:
        """The visitor behind a request."""
        address, secure = peer, False
        if self._addresses.is_trusted(peer):
            address = self._addresses.visitor(peer, headers.get(b"x-forwarded-for"))
            secure = headers.get(b"x-forwarded-proto", b"").partition(b",")[0].strip() == b"https"
        agent = self._agents.of(headers, secure=secure)
        place, shown = self._located(address)
        visitor = Visitor(address, shown, agent, place, headers)
        visitor.asks_for_privacy = self.is_private(headers)
        return visitor

    def is_private(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the visitor who sent these headers asks for privacy, and the settings heed that."""
        return self._signals_policy != "ignore" and asks_for_privacy(headers)

    def visitor_of(self, behalf: Behalf, peer: str, headers: dict[bytes, bytes], *, address_trusted: bool) -> Visitor:
        """The visitor on whose behalf a request was sent. `address_trusted`: the address in `behalf` counts.

        The request's privacy headers count, for a sender passes on those of the visitor. The Authorization header is
        removed, so that no mapping can record a write key.
        """
        visitor = self.visitor(peer, headers)
        kept = {name: value for name, value in headers.items() if name != b"authorization"}
        visitor.headers = kept
        if behalf is ITSELF:
            return visitor
        if behalf.user_agent is not None:
            for name in HEADER_NAMES:
                kept.pop(name, None)
            kept[b"user-agent"] = behalf.user_agent.encode()
        if behalf.language is not None:
            kept[b"accept-language"] = behalf.language.encode()
        if behalf.user_agent is not None or behalf.language is not None:
            # As over plain HTTP: senders do not pass on the headers that browsers add over HTTPS.
            visitor.agent = self._agents.of(kept, secure=False)
        if address_trusted and behalf.address is not None:
            visitor.address = behalf.address
            visitor.place, visitor.shown_address = self._located(behalf.address)
        return visitor

    def _located(self, address: str) -> tuple[Place, str | None]:
        """The place of an address, and the address as it may be stored."""
        known = self._known.get(address)
        if known is None:
            known = (NOWHERE if self.geo is None else self.geo.place_of(address), self.shown_address(address))
            self._known.put(address, known)
        return known

    def site_of(self, event: Event) -> str | None:
        """The event's site. MalformedEventError when it belongs to none."""
        return self.sites.of(event)

    def reload_changed(self) -> bool:
        """Take over replaced databases; whether there were any."""
        if self.geo is None or not self.geo.reload_changed():
            return False
        self._known.clear()
        return True

    def shown_address(self, address: str) -> str | None:
        """The address as it may be stored."""
        if not address or self._ip_storage == "none":
            return None
        return truncate_address(address) if self._ip_storage == "truncated" else address

    def enrich(self, event: Event, visitor: Visitor) -> str | None:
        """Add what the server knows and apply the privacy settings; the reason when the event is to be dropped.

        MalformedEventError when it is of no site.
        """
        has_user_id = event.user_id is not None
        event.headers = visitor.headers
        event.agent = visitor.agent
        event.place = visitor.place
        event.ip = visitor.shown_address
        event.is_bot = is_bot(event, self._bot_signals)
        if self._cookieless:
            self._anonymiser.identify(event, visitor.address, visitor.headers.get(b"user-agent", b""))
        elif event.party_id is None or event.session_id is None:  # a pixel: all others are refused without them
            self._anonymiser.complete(event, visitor.address, visitor.headers.get(b"user-agent", b""))
        if event.party_id is not None:
            event.key = event.party_id.encode()
        refusal, is_anonymous = self._policy(event, visitor)
        if refusal is not None:
            return refusal
        event.site = self.sites.of(event)
        self._acquisition.apply(event)
        self._reduce_urls(event, self.urls.bare if is_anonymous else self.urls.page)
        if is_anonymous:
            self._anonymiser.anonymise(event)
        else:
            event.parameters = self.urls.parameters(event.event_type, event.parameters)
        if has_user_id:
            self.user_ids.apply(event)
        return None

    def _policy(self, event: Event, visitor: Visitor) -> tuple[str | None, bool]:
        """The reason if the visitor's wishes drop the event, and whether they anonymise it."""
        is_anonymous = visitor.asks_for_privacy
        if is_anonymous and self._signals_policy == "drop":
            return "privacy_signal", False
        if self._consent is not None and not (self._consent_default if event.consent is None else event.consent):
            if self._without_consent == "drop":
                return "no_consent", False
            is_anonymous = True
        return None, is_anonymous

    @staticmethod
    def _reduce_urls(event: Event, reduce: Callable[[Page], Page]) -> None:
        """Only now: the whole addresses say which site an event is of, and how the visitor came."""
        if event.page is not None:
            event.page = reduce(event.page)
        if event.referrer is not None:
            event.referrer = reduce(event.referrer)


def _secret(variable: str, file: Path | None) -> bytes | None:
    """The secret in a file. OSError, or ValueError if it is too short to be one."""
    if file is None:
        return None
    secret = file.read_bytes().strip()
    if len(secret) < MIN_SECRET_BYTES:
        message = f"{variable}: {file} holds {len(secret)} bytes; at least {MIN_SECRET_BYTES} are needed"
        raise ValueError(message)
    return secret
