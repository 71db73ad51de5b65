"""The visitor on whose behalf an app or a server sends an event."""

from __future__ import annotations

from typing import Final, NamedTuple


class Behalf(NamedTuple):
    """What the sender states about the visitor; None for what it does not. The address is canonical."""

    user_agent: str | None = None
    language: str | None = None
    address: str | None = None


ITSELF: Final = Behalf()
"""A sender that states nothing about a visitor is taken for the visitor."""
