"""Reading the mapping file: each expression is checked where it stands, and errors name that place."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Final

from collector.enrich import languages
from collector.mapping.coerce import COERCIONS, to_number, to_text
from collector.mapping.errors import fail
from collector.mapping.expressions import EVENT_VALUES, OF_TYPE, Expression, Kind, combine, event_value
from collector.model import agent, place
from collector.model.campaign import TAGS
from collector.model.page import page_of
from collector.protocol.cookies import cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from collector.model.event import Event

PAGE_PARTS: Final = (
    "url", "scheme", "host", "port", "path", "raw_path", "query", "fragment", "raw_fragment",
    *TAGS, "click_id", "click_id_name",
)  # fmt: skip
_AS: Final = {
    "text": ("string", Kind.TEXT), "int": ("int", Kind.INTEGER), "long": ("long", Kind.INTEGER),
    "double": ("double", Kind.NUMBER), "boolean": ("boolean", Kind.BOOLEAN),
}  # fmt: skip
_DIGEST_ENCODINGS: Final[dict[str, tuple[Kind, Callable[[bytes], str | bytes]]]] = {
    "hex": (Kind.TEXT, bytes.hex),
    "hex_upper": (Kind.TEXT, lambda digest: digest.hex().upper()),
    "base64": (Kind.TEXT, lambda digest: base64.b64encode(digest).decode()),
    "bytes": (Kind.BYTES, bytes),
}
_PATH_STEP: Final = re.compile(r"""\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")


def parse_expression(given: object, where: str) -> Expression:
    """An expression: a name of event data, or a table with one source and its options."""
    if isinstance(given, str):
        if given not in EVENT_VALUES:
            raise fail(where, f"unknown event value {given!r}; known are {_list(EVENT_VALUES)}; "
                       'a fixed text is written { literal = "..." }')  # fmt: skip
        return event_value(given)
    if isinstance(given, list):
        return _first_of(given, where)
    if not isinstance(given, dict):
        raise fail(where, f"expected a name or a table, not {given!r}")
    table: dict[str, Any] = dict(given)
    convert, when = table.pop("as", None), table.pop("when", None)
    sources = [name for name in table if name in _BUILDERS]
    if len(sources) != 1:
        raise fail(
            where, f"exactly one source is needed; given: {_list(sources) or 'none'}; allowed: {_list(_BUILDERS)}"
        )
    source = sources[0]
    build, options = _BUILDERS[source]
    unknown = table.keys() - options - {source}
    if unknown:
        allowed = _list(options | {"as", "when"})
        raise fail(where, f"unknown option {_list(unknown)} of {source!r}; allowed are {allowed}")
    expression = build(table, f"{where}.{source}")
    if convert is not None:
        expression = _converted(expression, convert, where)
    if when is not None:
        condition = _condition(when, f"{where}.when")
        value_of, holds = expression.evaluate, condition.evaluate
        expression = combine(expression.kind, lambda e: value_of(e) if holds(e) else None, expression, condition)
    return expression


def _converted(expression: Expression, convert: object, where: str) -> Expression:
    if not isinstance(convert, str) or convert not in _AS:
        raise fail(where, f"'as' is {convert!r}; allowed are {_list(_AS)}")
    name, kind = _AS[convert]
    coerce, value_of = COERCIONS[name], expression.evaluate

    def converted(e: Event) -> Any:
        value = value_of(e)
        return None if value is None else coerce(value)

    return combine(kind, converted, expression)


def _condition(given: object, where: str) -> Expression:
    condition = parse_expression(given, where)
    if condition.kind not in (Kind.BOOLEAN, Kind.JSON):
        raise fail(where, f"a condition must be true or false, this is {condition.kind.value}")
    value_of = condition.evaluate
    return combine(Kind.BOOLEAN, lambda e: value_of(e) is True, condition)


def _text_option(table: dict[str, Any], name: str, where: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise fail(where, f"{name!r} must be a text, given is {value!r}")
    return value


def _one_of(table: dict[str, Any], name: str, allowed: Iterable[str], where: str) -> str:
    value = _text_option(table, name, where)
    if value not in allowed:
        raise fail(where, f"unknown {value!r}; known are {_list(allowed)}")
    return value


def _bound(table: dict[str, Any], name: str, where: str) -> float | None:
    value = table.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise fail(where, f"{name!r} must be a number, given is {value!r}")
    return value


def _event(table: dict[str, Any], where: str) -> Expression:
    return event_value(_one_of(table, "event", EVENT_VALUES, where))


def _parameter(table: dict[str, Any], where: str) -> Expression:
    path = _text_option(table, "parameter", where)
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

    low, high = _bound(table, "min", where), _bound(table, "max", where)
    if low is None and high is None:
        inline = f"parameters.get({path!r})" if steps == [path] else None
        return Expression(Kind.JSON, "event", value_of, inline)

    def bounded(e: Event) -> Any:
        value = value_of(e)
        # Most events do not have the parameter, and those of the tracker have whole numbers.
        number = value if value is None or type(value) is int else to_number(value)
        if number is None:
            return None
        return low if low is not None and number < low else high if high is not None and number > high else number

    return Expression(Kind.JSON, "event", bounded)


def _header(table: dict[str, Any], where: str) -> Expression:
    name = _text_option(table, "header", where).lower().encode()
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
    name = _text_option(table, "cookie", where)

    return Expression(Kind.TEXT, "event", lambda e: cookie(e.headers, name))


def _user_agent(table: dict[str, Any], where: str) -> Expression:
    name = _one_of(table, "user_agent", agent.FIELDS, where)
    kind = OF_TYPE[agent.FIELDS[name]]
    return Expression(kind, "agent", lambda e: None if e.agent is None else e.agent.values.get(name))


def _geo(table: dict[str, Any], where: str) -> Expression:
    name = _one_of(table, "geo", place.FIELDS, where)
    kind = OF_TYPE[place.FIELDS[name]]
    return Expression(kind, "place", lambda e: None if e.place is None else e.place.values.get(name))


def _language(table: dict[str, Any], where: str) -> Expression:
    name = _one_of(table, "language", languages.FIELDS, where)

    def value_of(e: Event) -> str | None:
        header = e.headers.get(b"accept-language")
        return None if header is None else getattr(languages.language_of(header), name)

    return Expression(OF_TYPE[languages.FIELDS[name]], "language", value_of)


def _page(attribute: str) -> Callable[[dict[str, Any], str], Expression]:
    source = "location" if attribute == "page" else "referrer"

    def build(table: dict[str, Any], where: str) -> Expression:
        part = _one_of(table, source, PAGE_PARTS, where)

        def value_of(e: Event) -> str | None:
            page = getattr(e, attribute)
            return None if page is None else page.url if part == "url" else page.parts.get(part)

        return Expression(Kind.TEXT, attribute, value_of)

    return build


def _page_query(attribute: str) -> Callable[[dict[str, Any], str], Expression]:
    source = "location_query" if attribute == "page" else "referrer_query"

    def build(table: dict[str, Any], where: str) -> Expression:
        name = _text_option(table, source, where)

        def value_of(e: Event) -> str | None:
            page = getattr(e, attribute)
            values = None if page is None else page.query.get(name)
            return values[0] if values else None

        return Expression(Kind.TEXT, attribute, value_of)

    return build


def _uri(table: dict[str, Any], where: str) -> Expression:
    inner = parse_expression(table["uri"], where)
    if ("part" in table) == ("query" in table):
        raise fail(where, 'give either part = "host" (or another part) or query = "name"')
    part = _one_of(table, "part", PAGE_PARTS, where) if "part" in table else None
    name = None if part else _text_option(table, "query", where)
    value_of = inner.evaluate

    def evaluate(e: Event) -> str | None:
        text = to_text(value_of(e))
        if text is None:
            return None
        page = page_of(text)
        if part is not None:
            return page.url if part == "url" else page.parts.get(part)
        values = page.query.get(name or "")
        return values[0] if values else None

    return combine(Kind.TEXT, evaluate, inner)


def _literal(table: dict[str, Any], where: str) -> Expression:
    value = table["literal"]
    kind = OF_TYPE.get(type(value))
    if kind is None:
        raise fail(where, f"a literal is a text, number or boolean, not {value!r}")
    return Expression(kind, "constant", lambda _e: value)


def _regex(table: dict[str, Any], where: str) -> re.Pattern[str]:
    pattern = _text_option(table, "regex", where)
    try:
        return re.compile(pattern)
    except re.error as error:
        raise fail(where, f"the regex {pattern!r} is wrong: {error}") from None


def _match(table: dict[str, Any], where: str) -> Expression:
    inner, pattern, group = parse_expression(table["match"], where), _regex(table, where), table.get("group")
    if group is not None and (
        group not in pattern.groupindex if isinstance(group, str) else group not in range(pattern.groups + 1)
    ):
        raise fail(
            where,
            f"the regex has no group {group!r}; it has {pattern.groups} groups, named {_list(pattern.groupindex)}",
        )
    value_of = inner.evaluate

    def evaluate(e: Event) -> str | bool | None:
        text = to_text(value_of(e))
        found = None if text is None else pattern.fullmatch(text)
        if group is None:
            return found is not None
        return None if found is None else found[group]

    return combine(Kind.BOOLEAN if group is None else Kind.TEXT, evaluate, inner)


def _digest(table: dict[str, Any], where: str) -> Expression:
    given = table["digest"]
    parts = [parse_expression(item, where) for item in (given if isinstance(given, list) else [given])]
    algorithm = table.get("algorithm", "sha256")
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise fail(where, f"the algorithm is {algorithm!r}; allowed are sha256, sha384, sha512")
    encoding = table.get("encoding", "hex")
    if encoding not in _DIGEST_ENCODINGS:
        raise fail(where, f"the encoding is {encoding!r}; allowed are {_list(_DIGEST_ENCODINGS)}")
    kind, encode = _DIGEST_ENCODINGS[encoding]
    seed = table.get("seed")
    if seed is not None and not isinstance(seed, str):
        raise fail(where, "the seed must be a text")
    values = [part.evaluate for part in parts]

    def evaluate(e: Event) -> str | bytes | None:
        texts = [to_text(value_of(e)) for value_of in values]
        if all(text is None for text in texts):
            return None
        data = b"".join(text.encode() for text in texts if text is not None)
        digest = hmac.digest(seed.encode(), data, algorithm) if seed else hashlib.new(algorithm, data).digest()
        return encode(digest)

    return combine(kind, evaluate, *parts)


def _presence(source: str, *, present: bool) -> Callable[[dict[str, Any], str], Expression]:
    def build(table: dict[str, Any], where: str) -> Expression:
        inner = parse_expression(table[source], where)
        value_of = inner.evaluate
        return combine(Kind.BOOLEAN, lambda e: (value_of(e) is not None) is present, inner)

    return build


def _equal(table: dict[str, Any], where: str) -> Expression:
    given = table["equal"]
    if not isinstance(given, list) or len(given) != 2:
        raise fail(where, '\'equal\' compares two values: equal = ["event_type", { literal = "pageView" }]')
    left, right = (parse_expression(item, f"{where}[{index}]") for index, item in enumerate(given))
    left_of, right_of = left.evaluate, right.evaluate
    return combine(Kind.BOOLEAN, lambda e: left_of(e) is not None and left_of(e) == right_of(e), left, right)


def _several(source: str, *, every: bool) -> Callable[[dict[str, Any], str], Expression]:
    test = all if every else any

    def build(table: dict[str, Any], where: str) -> Expression:
        given = table[source]
        if not isinstance(given, list) or not given:
            raise fail(where, "a list of conditions is needed")
        parts = [_condition(item, f"{where}[{index}]") for index, item in enumerate(given)]
        values = [part.evaluate for part in parts]
        return combine(Kind.BOOLEAN, lambda e: test(value_of(e) for value_of in values), *parts)

    return build


def _not(table: dict[str, Any], where: str) -> Expression:
    inner = _condition(table["not"], where)
    value_of = inner.evaluate
    return combine(Kind.BOOLEAN, lambda e: not value_of(e), inner)


def _first_of(given: list[object], where: str) -> Expression:
    parts = [parse_expression(item, f"{where}[{index}]") for index, item in enumerate(given)]
    kinds = {part.kind for part in parts}
    if not parts or (len(kinds) > 1 and Kind.JSON not in kinds):
        raise fail(where, f"the values of a list must be of one type, these are {_list(kind.value for kind in kinds)}")
    values = [part.evaluate for part in parts]

    def evaluate(e: Event) -> Any:
        for value_of in values:
            value = value_of(e)
            if value is not None:
                return value
        return None

    return combine(Kind.JSON if len(kinds) > 1 else parts[0].kind, evaluate, *parts)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


_BUILDERS: Final[dict[str, tuple[Callable[[dict[str, Any], str], Expression], frozenset[str]]]] = {
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
    "uri": (_uri, frozenset({"part", "query"})),
    "literal": (_literal, frozenset()),
    "match": (_match, frozenset({"regex", "group"})),
    "digest": (_digest, frozenset({"algorithm", "encoding", "seed"})),
    "present": (_presence("present", present=True), frozenset()),
    "absent": (_presence("absent", present=False), frozenset()),
    "equal": (_equal, frozenset()),
    "all": (_several("all", every=True), frozenset()),
    "any": (_several("any", every=False), frozenset()),
    "not": (_not, frozenset()),
}
