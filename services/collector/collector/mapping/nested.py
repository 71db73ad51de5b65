"""From JSON to arrays, maps, records, enums and fixed bytes, as Divolte coerced it.

A single value fits a list of one and the other way round; the values inside are coerced as those of simple fields are.
A value that does not fit anywhere makes the whole field absent. null fits where the schema allows it; elsewhere a
member of a map or record that is null counts as missing.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import fastavro

from collector.mapping.coerce import COERCIONS, single, to_bytes
from collector.mapping.errors import fail

if TYPE_CHECKING:
    from collections.abc import Callable

_NULL: Final = "null"


class _UnfitError(ValueError):
    """A value does not fit the schema."""


def encoder(avro_type: Any, where: str) -> Callable[[Any], bytes | None]:
    """A function that encodes a value, and returns None where it does not fit. MappingError when there is none."""
    coerce = _coercion(avro_type, where)
    parsed = fastavro.parse_schema(avro_type)

    def encode(value: Any) -> bytes | None:
        buffer = io.BytesIO()
        try:
            fastavro.schemaless_writer(buffer, parsed, coerce(value))
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError):
            return None
        return buffer.getvalue()

    return encode


def _coercion(avro_type: Any, where: str) -> Callable[[Any], Any]:
    """A function from JSON to a value of the type, which raises _UnfitError."""
    if isinstance(avro_type, list):
        return _union(avro_type, where)
    name = avro_type["type"] if isinstance(avro_type, dict) else avro_type
    if name in COERCIONS:
        return _simple(COERCIONS[name])
    build = _BUILDERS.get(name) if isinstance(avro_type, dict) else None
    if build is None:
        raise fail(
            where, f"the schema's type {name!r} is not supported here; write named types out where they are used"
        )
    return build(avro_type, where)


def _simple(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def coerce(value: Any) -> Any:
        converted = convert(value)
        if converted is None:
            raise _UnfitError
        return converted

    return coerce


def _union(members: list[Any], where: str) -> Callable[[Any], Any]:
    others = [member for member in members if member != _NULL]
    if len(others) != 1:
        raise fail(where, f"unions are supported of null and one type, this is {members}")
    coerce = _coercion(others[0], where)
    return (lambda value: None if value is None else coerce(value)) if _NULL in members else coerce


def _array(avro_type: dict[str, Any], where: str) -> Callable[[Any], Any]:
    coerce = _coercion(avro_type["items"], where)
    return lambda value: [coerce(item) for item in (value if isinstance(value, list) else [value])]


def _map(avro_type: dict[str, Any], where: str) -> Callable[[Any], Any]:
    values = avro_type["values"]
    coerce, nullable = _coercion(values, where), _is_nullable(values)
    return lambda value: {name: coerce(item) for name, item in _members(value).items() if item is not None or nullable}


def _record(avro_type: dict[str, Any], where: str) -> Callable[[Any], Any]:
    fields = [
        (field["name"], _coercion(field["type"], f"{where}.{field['name']}"), _is_nullable(field["type"]))
        for field in avro_type["fields"]
    ]

    def coerce(value: Any) -> dict[str, Any]:
        members = _members(value)
        # fastavro writes the default of a missing field, and refuses the record when it has none.
        return {
            name: convert(members[name])
            for name, convert, nullable in fields
            if name in members and (members[name] is not None or nullable)
        }

    return coerce


def _members(value: Any) -> dict[str, Any]:
    value = single(value)
    if not isinstance(value, dict):
        raise _UnfitError
    return value


def _enum(avro_type: dict[str, Any], where: str) -> Callable[[Any], Any]:  # noqa: ARG001 - a builder's signature
    symbols = frozenset(avro_type["symbols"])

    def coerce(value: Any) -> str:
        value = single(value)
        if not isinstance(value, str) or value not in symbols:
            raise _UnfitError
        return value

    return coerce


def _fixed(avro_type: dict[str, Any], where: str) -> Callable[[Any], Any]:  # noqa: ARG001 - a builder's signature
    size: int = avro_type["size"]

    def coerce(value: Any) -> bytes:
        data = to_bytes(value)
        if data is None or len(data) < size:
            raise _UnfitError
        return data[:size]

    return coerce


def _is_nullable(avro_type: Any) -> bool:
    return isinstance(avro_type, list) and _NULL in avro_type


_BUILDERS: Final[dict[str, Callable[[dict[str, Any], str], Callable[[Any], Any]]]] = {
    "array": _array, "map": _map, "record": _record, "enum": _enum, "fixed": _fixed,
}  # fmt: skip
