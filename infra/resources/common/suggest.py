"""What an error suggests in place of a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(given: str, known: Iterable[str], *, most: int = 4, otherwise: int = 12) -> str:
    """The names most like it, or else the first of the known ones. Without `otherwise`, nothing if none is alike."""
    names = sorted(known)
    if alike := get_close_matches(given, names, n=most):
        return f"did you mean {' or '.join(alike)}?"
    return f"known are {', '.join(names[:otherwise])}" if otherwise else ""
