"""Which users of a site events belong to: ids that pages and servers send, kept only as far as the settings allow."""

from __future__ import annotations

import hmac
from collections import Counter
from typing import TYPE_CHECKING, Final

from collector.enrich.privacy import digest_text

if TYPE_CHECKING:
    from collector.model.event import Event

MAX_LENGTH: Final = 200
_NOBODY: Final = frozenset({"null", "undefined", "nan", "none", "nil", "true", "false", "0", "[object object]"})
"""What faulty pages send for a user who is not signed in. All these visitors would become one user."""


class UserIds:
    """Applies the setting `user_ids`. An event never fails because of its user id: it goes on without one."""

    def __init__(self, policy: str, secret: bytes | None, *, cookieless: bool) -> None:
        """`policy`: none, hashed (with the secret) or plain."""
        self._policy = policy
        self._secret = secret or b""
        self._without = "cookieless" if cookieless else "switched_off"
        self.dropped: Counter[str] = Counter()
        """How many user ids were dropped, by reason."""

    def apply(self, event: Event) -> None:
        """Replace the id that an event came with by what may be kept. Needs the event's site."""
        user_id = event.user_id
        if user_id is None:  # of an anonymised event
            self.dropped["anonymised"] += 1
        elif self._policy == "none":
            self.drop(event, self._without)
        elif (valid := _valid(user_id)) is None:
            self.drop(event, "invalid")
        elif self._policy == "hashed":
            # With the site: a user of two sites must not be recognised.
            data = f"{event.site or ''}\0{valid}".encode()
            event.user_id = digest_text(hmac.digest(self._secret, data, "sha256"))
        else:
            event.user_id = valid

    def drop(self, event: Event, reason: str) -> None:
        """Remove the id, and count it."""
        event.user_id = None
        self.dropped[reason] += 1


def _valid(user_id: str) -> str | None:
    text = user_id.strip()
    if not text.isprintable() or not 0 < len(text) <= MAX_LENGTH or text.lower() in _NOBODY:
        return None
    return text
