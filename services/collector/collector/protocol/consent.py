"""Words for consent in a request."""

from __future__ import annotations

from typing import Final

GRANTED: Final = frozenset({"granted", "t", "true", "1", "yes"})
"""In small letters. Any other word, and none, is a refusal."""
