"""The operations: expressions that the mapping file makes of other expressions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from collector.mapping.coerce import COERCIONS, to_text
from collector.mapping.errors import fail
from collector.mapping.expressions import Expression, Kind, combine
from collector.mapping.options import listed, one_of, text_option
from collector.mapping.sources import PAGE_PARTS
from collector.model.page import page_of

if TYPE_CHECKING:
    from collector.model.event import Event

Parse = Callable[[object, str], Expression]
"""Makes an expression of what is given at a place of the file."""

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


def converted_to(expression: Expression, convert: object, where: str) -> Expression:
    """The value as another type."""
    if not isinstance(convert, str) or convert not in _AS:
        raise fail(where, f"'as' is {convert!r}; allowed are {listed(_AS)}")
    name, kind = _AS[convert]
    coerce, value_of = COERCIONS[name], expression.evaluate

    def converted(e: Event) -> Any:
        value = value_of(e)
        return None if value is None else coerce(value)

    return combine(kind, converted, expression)


def only_if(expression: Expression, given: object, where: str, parse: Parse) -> Expression:
    """The value, absent unless a condition holds."""
    condition = _condition(given, where, parse)
    value_of, holds = expression.evaluate, condition.evaluate
    return combine(expression.kind, lambda e: value_of(e) if holds(e) else None, expression, condition)


def _condition(given: object, where: str, parse: Parse) -> Expression:
    condition = parse(given, where)
    if condition.kind not in (Kind.BOOLEAN, Kind.JSON):
        raise fail(where, f"a condition must be true or false, this is {condition.kind.value}")
    value_of = condition.evaluate
    return combine(Kind.BOOLEAN, lambda e: value_of(e) is True, condition)


def _uri(table: dict[str, Any], where: str, parse: Parse) -> Expression:
    inner = parse(table["uri"], where)
    if ("part" in table) == ("query" in table):
        raise fail(where, 'give either part = "host" (or another part) or query = "name"')
    part = one_of(table, "part", PAGE_PARTS, where) if "part" in table else None
    name = None if part else text_option(table, "query", where)
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


def _regex(table: dict[str, Any], where: str) -> re.Pattern[str]:
    pattern = text_option(table, "regex", where)
    try:
        return re.compile(pattern)
    except re.error as error:
        raise fail(where, f"the regex {pattern!r} is wrong: {error}") from None


def _match(table: dict[str, Any], where: str, parse: Parse) -> Expression:
    inner, pattern, group = parse(table["match"], where), _regex(table, where), table.get("group")
    if group is not None and (
        group not in pattern.groupindex if isinstance(group, str) else group not in range(pattern.groups + 1)
    ):
        raise fail(
            where,
            f"the regex has no group {group!r}; it has {pattern.groups} groups, named {listed(pattern.groupindex)}",
        )
    value_of = inner.evaluate

    def evaluate(e: Event) -> str | bool | None:
        text = to_text(value_of(e))
        found = None if text is None else pattern.fullmatch(text)
        if group is None:
            return found is not None
        return None if found is None else found[group]

    return combine(Kind.BOOLEAN if group is None else Kind.TEXT, evaluate, inner)


def _digest(table: dict[str, Any], where: str, parse: Parse) -> Expression:
    given = table["digest"]
    parts = [parse(item, where) for item in (given if isinstance(given, list) else [given])]
    algorithm = table.get("algorithm", "sha256")
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise fail(where, f"the algorithm is {algorithm!r}; allowed are sha256, sha384, sha512")
    encoding = table.get("encoding", "hex")
    if encoding not in _DIGEST_ENCODINGS:
        raise fail(where, f"the encoding is {encoding!r}; allowed are {listed(_DIGEST_ENCODINGS)}")
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


def _presence(source: str, *, present: bool) -> Callable[[dict[str, Any], str, Parse], Expression]:
    def build(table: dict[str, Any], where: str, parse: Parse) -> Expression:
        inner = parse(table[source], where)
        value_of = inner.evaluate
        return combine(Kind.BOOLEAN, lambda e: (value_of(e) is not None) is present, inner)

    return build


def _equal(table: dict[str, Any], where: str, parse: Parse) -> Expression:
    given = table["equal"]
    if not isinstance(given, list) or len(given) != 2:
        raise fail(where, '\'equal\' compares two values: equal = ["event_type", { literal = "pageView" }]')
    left, right = (parse(item, f"{where}[{index}]") for index, item in enumerate(given))
    left_of, right_of = left.evaluate, right.evaluate
    return combine(Kind.BOOLEAN, lambda e: left_of(e) is not None and left_of(e) == right_of(e), left, right)


def _several(source: str, *, every: bool) -> Callable[[dict[str, Any], str, Parse], Expression]:
    test = all if every else any

    def build(table: dict[str, Any], where: str, parse: Parse) -> Expression:
        given = table[source]
        if not isinstance(given, list) or not given:
            raise fail(where, "a list of conditions is needed")
        parts = [_condition(item, f"{where}[{index}]", parse) for index, item in enumerate(given)]
        values = [part.evaluate for part in parts]
        return combine(Kind.BOOLEAN, lambda e: test(value_of(e) for value_of in values), *parts)

    return build


def _not(table: dict[str, Any], where: str, parse: Parse) -> Expression:
    inner = _condition(table["not"], where, parse)
    value_of = inner.evaluate
    return combine(Kind.BOOLEAN, lambda e: not value_of(e), inner)


def first_of(given: list[object], where: str, parse: Parse) -> Expression:
    """The first value of several that is not absent."""
    parts = [parse(item, f"{where}[{index}]") for index, item in enumerate(given)]
    kinds = {part.kind for part in parts}
    if not parts or (len(kinds) > 1 and Kind.JSON not in kinds):
        raise fail(where, f"the values of a list must be of one type, these are {listed(kind.value for kind in kinds)}")
    values = [part.evaluate for part in parts]

    def evaluate(e: Event) -> Any:
        for value_of in values:
            value = value_of(e)
            if value is not None:
                return value
        return None

    return combine(Kind.JSON if len(kinds) > 1 else parts[0].kind, evaluate, *parts)


OPERATIONS: Final[dict[str, tuple[Callable[[dict[str, Any], str, Parse], Expression], frozenset[str]]]] = {
    "uri": (_uri, frozenset({"part", "query"})),
    "match": (_match, frozenset({"regex", "group"})),
    "digest": (_digest, frozenset({"algorithm", "encoding", "seed"})),
    "present": (_presence("present", present=True), frozenset()),
    "absent": (_presence("absent", present=False), frozenset()),
    "equal": (_equal, frozenset()),
    "all": (_several("all", every=True), frozenset()),
    "any": (_several("any", every=False), frozenset()),
    "not": (_not, frozenset()),
}
"""Name of an operation to the function that makes an expression of its table, and to its options."""
