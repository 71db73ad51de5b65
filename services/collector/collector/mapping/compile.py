"""From the mapping file and the schema to one Python function that encodes an event.

The function is generated: no loop over fields, no look-up of names, nothing done for absent values but a byte.
Neighbouring fields that depend only on the page, the referrer, the user agent or the place are encoded once
for each such object and kept with it, since many events share them.
"""

from __future__ import annotations

import io
import itertools
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import fastavro
import orjson

from collector.event import Event, reject
from collector.mapping import avro
from collector.mapping.coerce import COERCIONS
from collector.mapping.expressions import CACHED, Expression, Kind, json_text
from collector.mapping.parse import MappingError, fail, parse_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_FITS: Final[dict[str, frozenset[Kind]]] = {
    "string": frozenset({Kind.TEXT}), "boolean": frozenset({Kind.BOOLEAN}), "int": frozenset({Kind.INTEGER}),
    "long": frozenset({Kind.INTEGER}), "float": frozenset({Kind.INTEGER, Kind.NUMBER}),
    "double": frozenset({Kind.INTEGER, Kind.NUMBER}), "bytes": frozenset({Kind.BYTES}), "enum": frozenset({Kind.TEXT}),
}  # fmt: skip
FILE: Final = "file"
SCHEMA: Final = "schema"
_fragment_numbers: Final = itertools.count()
"""Unique over all mappings of a process, for fragments are kept on shared objects."""


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """A checked mapping. `encode` gives the Avro datum of an event, MalformedEventError when there is none."""

    encode: Callable[[Event], bytes]
    schema: Any
    discard_corrupted: bool
    discard_duplicates: bool
    source: str

    def record(self, event: Event) -> dict[str, Any]:
        """The record of an event, as a reader of the topic sees it; times in ms."""
        decoded: Any = fastavro.schemaless_reader(io.BytesIO(self.encode(event)), self.schema, None)
        return dict(decoded)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    avro_type: Any
    base: str
    branch: bytes
    absent: bytes | None
    expression: Expression | None


def load_mapping(mapping_file: Path, schema_file: Path) -> RecordMapping:
    """Read and check both files. MappingError names the field, what was given and what is allowed."""
    try:
        document = tomllib.loads(mapping_file.read_text(encoding="utf-8"))
        schema = orjson.loads(schema_file.read_bytes())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, orjson.JSONDecodeError) as error:
        message = f"mapping: cannot read {mapping_file} and {schema_file}: {error}"
        raise MappingError(message) from None
    return compile_mapping(document, schema)


def compile_mapping(document: Mapping[str, Any], schema: Any) -> RecordMapping:
    """A mapping of an already parsed file. MappingError when it does not fit the schema."""
    unknown = document.keys() - {"fields", "options"}
    if unknown:
        raise fail(FILE, f"unknown section {', '.join(sorted(unknown))}; allowed are fields, options")
    options = _options(document.get("options", {}))
    try:
        # Times stay numbers: a visitor's clock may show a year that datetime does not know.
        parsed = fastavro.parse_schema(_without_logical_types(schema))
    except Exception as error:  # noqa: BLE001 - fastavro raises many kinds
        raise fail(SCHEMA, str(error)) from None
    declared = document.get("fields", {})
    names = [field["name"] for field in schema["fields"]]
    for name in declared:
        if name not in names:
            where = f"fields.{name}"
            raise fail(where, f"the schema has no such field; it has {', '.join(names)}")
    fields = [_field(field, declared.get(field["name"])) for field in _without_logical_types(schema)["fields"]]
    source, encode = _generate(fields)
    return RecordMapping(encode, parsed, *options, source)


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _without_logical_types(value) for name, value in schema.items() if name != "logicalType"}
    return [_without_logical_types(member) for member in schema] if isinstance(schema, list) else schema


def _options(given: Mapping[str, Any]) -> tuple[bool, bool]:
    allowed = ("discard_corrupted", "discard_duplicates")
    for name, value in given.items():
        if name not in allowed or not isinstance(value, bool):
            where = f"options.{name}"
            raise fail(where, f"{value!r} is not allowed; there are {', '.join(allowed)}, each true or false")
    return given.get(allowed[0], False), given.get(allowed[1], False)


def _field(schema: dict[str, Any], declared: object) -> _Field:
    name, avro_type = schema["name"], schema["type"]
    where = f"fields.{name}"
    branch, inner = b"", avro_type
    if isinstance(avro_type, list):
        others = [member for member in avro_type if member != "null"]
        if len(others) != 1 or len(avro_type) > 2:
            raise fail(where, f"unions are supported of null and one type, this is {avro_type}")
        inner = others[0]
        branch = avro.encode_long(avro_type.index(inner))
    base = inner["type"] if isinstance(inner, dict) else inner
    absent = _encode_any(avro_type, schema["default"]) if "default" in schema else None
    if absent is None and isinstance(avro_type, list) and "null" in avro_type:
        absent = avro.encode_long(avro_type.index("null"))
    expression = None
    if declared is not None:
        expression = parse_expression(declared, where)
        fits = _FITS.get(base, frozenset())
        if expression.kind is not Kind.JSON and expression.kind not in fits:
            raise fail(where, f"a value of type {expression.kind.value} does not fit the schema's {base}; "
                'convert it with as = "int", "long", "double", "boolean" or "text"',
            )  # fmt: skip
    elif absent is None:
        raise fail(where, f"the schema wants a {base} and gives no default, so the mapping must name a value")
    return _Field(name, inner, base, branch, absent, expression)


def _encode_any(avro_type: Any, value: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(avro_type), value)
    return buffer.getvalue()


def _generate(fields: list[_Field]) -> tuple[str, Callable[[Event], bytes]]:
    scope: dict[str, Any] = {
        "json_text": json_text, "PREFIX": avro.PREFIX, "encode_long": avro.encode_long,
        "encode_length": avro.encode_length, "pack_double": avro.pack_double, "pack_float": avro.pack_float,
        "missing": _missing, "complex_value": _complex,
    }  # fmt: skip
    body: list[str] = []
    functions: list[str] = []
    for depends, group in itertools.groupby(fields, key=_group):
        members = list(group)
        if depends == "constant":
            literal = b"".join(_constant(field) for field in members)
            body.append(f"    a({literal!r})")
        elif depends in CACHED:
            number = next(_fragment_numbers)
            lines = [line for field in members for line in _field_source(field, scope)]
            functions.append(_function(f"fragment_{number}", lines))
            absent = b"".join(field.absent or b"" for field in members)
            body += [
                f"    o = e.{depends}",
                "    if o is None:",
                f"        a({absent!r})"
                if all(field.absent is not None for field in members)
                else f"        a(fragment_{number}(e))",
                "    else:",
                f"        f = o.fragments.get({number})",
                "        if f is None:",
                f"            f = o.fragments[{number}] = fragment_{number}(e)",
                "        a(f)",
            ]
        else:
            for field in members:
                body += _field_source(field, scope)
    source = "\n\n".join([*functions, _function("encode", body)])
    exec(compile(source, "<mapping>", "exec"), scope)  # noqa: S102 - source from checked expressions
    encode: Callable[[Event], bytes] = scope["encode"]
    return source, encode


def _function(name: str, lines: list[str]) -> str:
    return "\n".join([f"def {name}(e):", "    out = []", "    a = out.append", *lines, "    return b''.join(out)"])


def _group(field: _Field) -> str:
    return "constant" if field.expression is None else field.expression.depends


def _constant(field: _Field) -> bytes:
    if field.expression is None:
        assert field.absent is not None  # noqa: S101 - checked in _field
        return field.absent
    value = field.expression.evaluate(Event("browser", 0))
    if value is None:
        return _missing(field.name) if field.absent is None else field.absent
    return field.branch + _encode_any(field.avro_type, value)


def _field_source(field: _Field, scope: dict[str, Any]) -> list[str]:
    """Lines that append the field's bytes to `out`."""
    expression = field.expression
    if expression is None:
        return [f"    a({field.absent!r})"]
    if expression.inline is not None:
        value = expression.inline
    else:
        scope[f"value_{field.name}"] = expression.evaluate
        value = f"value_{field.name}(e)"
    lines = [f"    v = {value}"]
    if expression.kind is Kind.JSON and field.base in COERCIONS:
        scope[f"to_{field.base}"] = COERCIONS[field.base]
        lines += ["    if v is not None:", f"        v = to_{field.base}(v)"]
    absent = f"missing({field.name!r})" if field.absent is None else repr(field.absent)
    lines += ["    if v is None:", f"        a({absent})", "    else:"]
    return lines + ["        " + line for line in _encode_source(field, scope, absent)]


def _encode_source(field: _Field, scope: dict[str, Any], absent: str) -> list[str]:
    branch = f"{field.branch!r} + " if field.branch else ""
    prefix = "PREFIX"
    if field.branch:
        prefix = f"PREFIX_{field.branch.hex()}"
        scope.setdefault(prefix, tuple(field.branch + length for length in avro.PREFIX))
    if field.base == "string":
        return [
            "b = v.encode()",
            "n = len(b)",
            f"a({prefix}[n] if n < 8192 else {branch}encode_length(n))",
            "a(b)",
        ]
    if field.base == "bytes":
        return [f"a({branch}encode_length(len(v)))", "a(v)"]
    if field.base in ("int", "long"):
        return [f"a({branch}encode_long(v))"]
    if field.base == "boolean":
        return [f"a({_flag(field.branch, 1)} if v else {_flag(field.branch, 0)})"]
    if field.base in ("double", "float"):
        return [f"a({branch}pack_{field.base}(v))"]
    # Enums, lists, maps and records: rare, so fastavro does it.
    name = f"type_{field.name}"
    scope[name] = fastavro.parse_schema(field.avro_type)
    return [f"b = complex_value({name}, v)", f"a({absent} if b is None else {branch}b)"]


def _flag(branch: bytes, value: int) -> str:
    return repr(branch + bytes((value,)))


def _complex(avro_type: Any, value: Any) -> bytes | None:
    try:
        return _encode_any(avro_type, value)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError):
        return None  # as Divolte: what does not fit leaves the field at its default


def _missing(name: str) -> NoReturn:
    reject(f"the record's field {name!r} has no value, and the schema gives it no default")
