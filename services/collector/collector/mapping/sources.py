"""The sources of values: what an expression of the mapping file reads of an event."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from collector.enrich import languages
from collector.mapping.coerce import to_number
from collector.mapping.errors import fail
from collector.mapping.expressions import EVENT_VALUES, OF_TYPE, Expression, Kind, event_value
from collector.mapping.options import number_option, one_of, text_option
from collector.model import agent, place
from collector.model.campaign import TAGS
from collector.protocol.cookies import cookie

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.model.event import Event

PAGE_PARTS: Final = (
    "url", "scheme", "host", "port", "path", "raw_path", "query", "fragment", "raw_fragment",
    *TAGS, "click_id", "click_id_name",
)  # fmt: skip
_PATH_STEP: Final = re.compile(r"""\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")


def _event(table: dict[str, Any], where: str) -> Expression:
    return event_value(one_of(table, "event", EVENT_VALUES, where))


def _parameter(table: dict[str, Any], where: str) -> Expression:
    path = text_option(table, "parameter", where)
    steps: list[str | int] = [path]
    if path.startswith("$"):
        steps, position = [], 1
        while position < len(path):
            match = _PATH_STEP.match(path, position)
            if match is None:
                raise fail(
                    where,
                    f"{path!r} is not valid from {path[position:]!r} on; write $.name, $.a.b[0] or $['a name']",
                )
            index = match[2]
            steps.append(int(index) if index is not None else match[1] or match[3] or match[4] or "")
            position = match.end()

    def value_of(e: Event) -> Any:
        value: Any = e.parameters
        for step in steps:
            if isinstance(step, int):
                value = value[step] if isinstance(value, list) and step < len(value) else None
            else:
                value = value.get(step) if isinstance(value, dict) else None
        return value

    low, high = number_option(table, "min", where), number_option(table, "max", where)
    if low is None and high is None:
        return Expression(Kind.JSON, "event", value_of)

    def bounded(e: Event) -> Any:
        value = value_of(e)
        # Most events do not have the parameter, and those of the tracker have whole numbers.
        number = value if value is None or type(value) is int else to_number(value)
        if number is None:
            return None
        return low if low is not None and number < low else high if high is not None and number > high else number

    return Expression(Kind.JSON, "event", bounded)


def _header(table: dict[str, Any], where: str) -> Expression:
    name = text_option(table, "header", where).lower().encode()
    pick = table.get("pick", "joined")
    if pick not in ("first", "last", "joined") and (not isinstance(pick, int) or isinstance(pick, bool)):
        raise fail(where, f"'pick' is {pick!r}; allowed are first, last, joined, or a number (negative: from the end)")

    def value_of(e: Event) -> str | None:
        raw = e.headers.get(name)
        if raw is None:
            return None
        text = raw.decode("utf-8", "replace")
        if pick == "joined":
            return text
        items = [item for item in map(str.strip, _split_quoted(text)) if item]
        index = 0 if pick == "first" else -1 if pick == "last" else pick
        return items[index] if -len(items) <= index < len(items) else None

    return Expression(Kind.TEXT, "event", value_of)


def _split_quoted(text: str) -> list[str]:
    return re.findall(r'(?:[^,"]|"(?:\\.|[^"\\])*"?)+', text)


def _cookie(table: dict[str, Any], where: str) -> Expression:
    name = text_option(table, "cookie", where)

    return Expression(Kind.TEXT, "event", lambda e: cookie(e.headers, name))


def _user_agent(table: dict[str, Any], where: str) -> Expression:
    name = one_of(table, "user_agent", agent.FIELDS, where)
    kind = OF_TYPE[agent.FIELDS[name]]
    return Expression(kind, "agent", lambda e: None if e.agent is None else e.agent.values.get(name))


def _geo(table: dict[str, Any], where: str) -> Expression:
    name = one_of(table, "geo", place.FIELDS, where)
    kind = OF_TYPE[place.FIELDS[name]]
    return Expression(kind, "place", lambda e: None if e.place is None else e.place.values.get(name))


def _language(table: dict[str, Any], where: str) -> Expression:
    name = one_of(table, "language", languages.FIELDS, where)

    def value_of(e: Event) -> str | None:
        header = e.headers.get(b"accept-language")
        return None if header is None else getattr(languages.language_of(header), name)

    return Expression(OF_TYPE[languages.FIELDS[name]], "language", value_of)


def _page(attribute: str) -> Callable[[dict[str, Any], str], Expression]:
    source = "location" if attribute == "page" else "referrer"

    def build(table: dict[str, Any], where: str) -> Expression:
        part = one_of(table, source, PAGE_PARTS, where)

        def value_of(e: Event) -> str | None:
            page = getattr(e, attribute)
            return None if page is None else page.url if part == "url" else page.parts.get(part)

        return Expression(Kind.TEXT, attribute, value_of)

    return build


def _page_query(attribute: str) -> Callable[[dict[str, Any], str], Expression]:
    source = "location_query" if attribute == "page" else "referrer_query"

    def build(table: dict[str, Any], where: str) -> Expression:
        name = text_option(table, source, where)

        def value_of(e: Event) -> str | None:
            page = getattr(e, attribute)
            values = None if page is None else page.query.get(name)
            return values[0] if values else None

        return Expression(Kind.TEXT, attribute, value_of)

    return build


def _literal(table: dict[str, Any], where: str) -> Expression:
    value = table["literal"]
    kind = OF_TYPE.get(type(value))
    if kind is None:
        raise fail(where, f"a literal is a text, number or boolean, not {value!r}")
    return Expression(kind, "constant", lambda _e: value)


SOURCES: Final[dict[str, tuple[Callable[[dict[str, Any], str], Expression], frozenset[str]]]] = {
    "event": (_event, frozenset()),
    "parameter": (_parameter, frozenset({"min", "max"})),
    "header": (_header, frozenset({"pick"})),
    "cookie": (_cookie, frozenset()),
    "user_agent": (_user_agent, frozenset()),
    "geo": (_geo, frozenset()),
    "language": (_language, frozenset()),
    "location": (_page("page"), frozenset()),
    "referrer": (_page("referrer"), frozenset()),
    "location_query": (_page_query("page"), frozenset()),
    "referrer_query": (_page_query("referrer"), frozenset()),
    "literal": (_literal, frozenset()),
}
"""Name of a source to the function that makes an expression of its table, and to its options."""
