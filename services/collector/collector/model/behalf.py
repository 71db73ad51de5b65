"""Whom an app or a server speaks for."""

from __future__ import annotations

from typing import Final, NamedTuple


class Behalf(NamedTuple):
    """What a sender says of the visitor; None where it says nothing. The address is in its canonical form."""

    user_agent: str | None = None
    language: str | None = None
    address: str | None = None


ITSELF: Final = Behalf()
"""A sender that says nothing of a visitor speaks for itself."""
