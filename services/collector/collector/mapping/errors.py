"""What is wrong with a mapping file."""

from __future__ import annotations


class MappingError(ValueError):
    """The mapping file is wrong. The text names the place, what was given, and what is allowed."""


def fail(where: str, problem: str) -> MappingError:
    """An error at a place of the file."""
    return MappingError(f"mapping: {where}: {problem}")
