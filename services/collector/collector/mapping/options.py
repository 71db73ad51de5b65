"""Options of an expression's table, each checked where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector.mapping.errors import fail

if TYPE_CHECKING:
    from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """Names for an error message, in alphabetical order."""
    return ", ".join(sorted(names))


def text_option(table: dict[str, Any], name: str, where: str) -> str:
    """A text that is not empty."""
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise fail(where, f"{name!r} must be a text, given is {value!r}")
    return value


def one_of(table: dict[str, Any], name: str, allowed: Iterable[str], where: str) -> str:
    """One of the allowed texts."""
    value = text_option(table, name, where)
    if value not in allowed:
        raise fail(where, f"unknown {value!r}; known are {listed(allowed)}")
    return value


def number_option(table: dict[str, Any], name: str, where: str) -> float | None:
    """A number, or None if the option is not given."""
    value = table.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise fail(where, f"{name!r} must be a number, given is {value!r}")
    return value
