"""A visit's events as the tracker would send them, and their two encodings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import mmh3

from visitors.behaviour import SKUS
from visitors.sites import Site, host_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from visitors.behaviour import Step, Visit

Event = dict[str, Any]
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """Like JavaScript's toString(36)."""
    digits, rest = "", abs(number)
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return ("-" if number < 0 else "") + (digits or "0")


def mincode(value: Any, name: str = "") -> str:  # noqa: PLR0911  # one for each type
    """Divolte's compact JSON. `name` is a member's encoded property name."""
    match value:
        case None:
            return "n" + name
        case bool():
            return ("t" if value else "f") + name
        case int():
            return f"d{name}{base36(value)}!"
        case float():
            return f"j{name}{json.dumps(value)}!"
        case str():
            return "s" + name + _text(value)
        case list():
            return f"a{name}{''.join(mincode(item) for item in value)}."
        case dict():
            return f"({name}{''.join(mincode(item, _text(key)) for key, item in value.items())})"
        case _:
            message = f"{type(value).__name__} has no form in mincode"
            raise TypeError(message)


def _text(value: str) -> str:
    return value.replace("~", "~~").replace("!", "~!") + "!"


def beacon_query(event: Event) -> str:
    """The query string of the GET beacon, including the checksum."""
    values: dict[str, str] = {}
    for name, value in event.items():
        if name == "u":
            values[name] = mincode(value)
        elif isinstance(value, bool):
            values[name] = "t" if value else "f"
        elif isinstance(value, int):
            values[name] = base36(value)
        elif isinstance(value, float):  # the device pixel ratio, which the tag writes in base 36 too
            values[name] = base36(int(value))
        else:
            values[name] = value
    canonical = "".join(f"{name}={value},;" for name, value in sorted(values.items()))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
    return f"{query}&x={base36(mmh3.hash(canonical.encode()))}"


def _random_part(*parts: object) -> str:
    """Derive 32 characters from the arguments, so that the same seed gives the same ids."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Names:
    """Names that stacks can configure: paths on the website's origin, and cookies. Without batch path: beacons only."""

    event_path: str = "/csc-event"
    batch_path: str = "/csc-batch"
    party_cookie: str = "_dvp"
    session_cookie: str = "_dvs"


@dataclass(frozen=True)
class Run:
    """A run against a stack. Its name is part of every party id, so that `verify` finds exactly this run's events.

    `origin` is the website's, without a trailing slash.
    """

    name: str
    origin: str
    started_ms: int
    names: Names = Names()
    insecure: bool = False
    """Whether to accept a self-signed certificate."""
    sites: tuple[Site, ...] = ()
    """The stack's list of sites. If empty, all visits go to `origin`."""

    @property
    def event_url(self) -> str:
        """URL of beacons."""
        return f"{self.origin}{self.names.event_path}"

    @property
    def batch_url(self) -> str:
        """URL of batches. Empty if the stack takes none."""
        return f"{self.origin}{self.names.batch_path}" if self.names.batch_path else ""

    def origin_of(self, visit: Visit) -> str:
        """The origin of the visit's pages."""
        return origin_of(visit, self.origin, self.sites)

    def identity(self, visit: Visit) -> tuple[int, str]:
        """The visitor as identified by cookies, which differ between hosts."""
        return visit.visitor, host_of(self.origin_of(visit)) if self.sites else ""

    def party_id(self, visit: Visit) -> str:
        """A visitor's id. Constant for all of this run's visits to the same host."""
        visitor, host = self.identity(visit)
        parts = (visitor, host) if host else (visitor,)
        part = self.name + _random_part(self.name, "party", *parts)[: 32 - len(self.name)]
        return f"0:{base36(self.started_ms)}:{part}"


def events_of(visit: Visit, run: Run, started_ms: int, *, returning: bool) -> Iterator[Event]:
    """All events of the visit in order. The client's clock starts at `started_ms`."""
    party, origin = run.party_id(visit), run.origin_of(visit)
    session = f"0:{base36(started_ms)}:{_random_part(run.name, 'session', visit.number)}"
    clock, referrer, first = started_ms, visit.referrer, True
    screen = visit.group.screen
    for index, step in enumerate(visit.steps):
        view = "0:" + _random_part(run.name, "view", visit.number, index)
        location = origin + step.path
        for counter, (kind, parameters) in enumerate(_signals(step)):
            event: Event = {
                "p": party, "s": session, "v": view, "e": f"{view}{counter:x}",
                "c": clock, "n": first and not returning, "f": first, "l": location,
                "i": screen.width, "j": screen.height, "k": screen.pixel_ratio,
                "w": screen.width, "h": screen.height - 80, "t": kind,
            }  # fmt: skip
            if referrer:
                event["r"] = referrer
            if parameters is not None:
                event["u"] = parameters
            yield event
            first = False
            clock += step.dwell_ms // 3
        referrer = location


def _signals(step: Step) -> Iterator[tuple[str, Any]]:
    yield "pageView", None
    if step.action == "search":
        yield "search", {"query": step.subject, "results": 1}
    elif step.action:
        sku, price = SKUS[step.subject]
        if step.action == "addToCart":
            yield "addToCart", {"sku": sku, "price": price, "currency": "EUR", "quantity": 1}
        else:
            items = [{"sku": sku, "price": price, "quantity": 1}]
            yield "purchase", {"order_id": f"TT-{sku}", "total": price, "currency": "EUR", "items": items}
    if step.dwell_ms:
        yield "engagement", {"engagement_ms": step.dwell_ms, "scroll_percent": step.scroll_percent}
