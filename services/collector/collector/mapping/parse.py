"""Reading the mapping file: each expression is checked where it stands, and errors name that place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector.mapping.errors import fail
from collector.mapping.expressions import EVENT_VALUES, event_value
from collector.mapping.operations import OPERATIONS, converted_to, first_of, only_if
from collector.mapping.options import listed
from collector.mapping.sources import SOURCES

if TYPE_CHECKING:
    from collector.mapping.expressions import Expression


def parse_expression(given: object, where: str) -> Expression:
    """An expression: a name of event data, or a table with one source or operation, and its options."""
    if isinstance(given, str):
        if given not in EVENT_VALUES:
            raise fail(where, f"unknown event value {given!r}; known are {listed(EVENT_VALUES)}; "
                       'a fixed text is written { literal = "..." }')  # fmt: skip
        return event_value(given)
    if isinstance(given, list):
        return first_of(given, where, parse_expression)
    if not isinstance(given, dict):
        raise fail(where, f"expected a name or a table, not {given!r}")
    table: dict[str, Any] = dict(given)
    convert, when = table.pop("as", None), table.pop("when", None)
    known = [*SOURCES, *OPERATIONS]
    named = [name for name in table if name in known]
    if len(named) != 1:
        raise fail(where, f"exactly one source is needed; given: {listed(named) or 'none'}; allowed: {listed(known)}")
    expression = _of_table(named[0], table, where)
    if convert is not None:
        expression = converted_to(expression, convert, where)
    return expression if when is None else only_if(expression, when, f"{where}.when", parse_expression)


def _of_table(name: str, table: dict[str, Any], where: str) -> Expression:
    options = SOURCES[name][1] if name in SOURCES else OPERATIONS[name][1]
    unknown = table.keys() - options - {name}
    if unknown:
        allowed = listed(options | {"as", "when"})
        raise fail(where, f"unknown option {listed(unknown)} of {name!r}; allowed are {allowed}")
    place = f"{where}.{name}"
    return SOURCES[name][0](table, place) if name in SOURCES else OPERATIONS[name][0](table, place, parse_expression)
