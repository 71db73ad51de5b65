"""Suggestions for an unknown name, for errors."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(given: str, known: Iterable[str], *, most: int = 4, otherwise: int = 12) -> str:
    """The names most similar to it, or else the first `otherwise` known names."""
    names = sorted(known)
    if alike := get_close_matches(given, names, n=most):
        return f"did you mean {' or '.join(alike)}?"
    return f"known are {', '.join(names[:otherwise])}" if otherwise else ""
