"""From the mapping file and the schema to one Python function that encodes an event.

The function is generated: no loop over fields, no look-up of names, nothing done for absent values but a byte.
Neighbouring fields that depend only on the page, the referrer, the user agent, the place or the language are encoded
once for each such object and kept with it, since many events share them.
"""

from __future__ import annotations

import io
import itertools
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import fastavro
import orjson

from collector.enrich.languages import language_of
from collector.mapping import avro
from collector.mapping.coerce import COERCIONS
from collector.mapping.errors import MappingError, fail
from collector.mapping.expressions import CACHED, Expression, Kind
from collector.mapping.nested import encoder
from collector.mapping.parse import parse_expression
from collector.model.event import Event, reject
from collector.protocol.json_values import json_text

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
_LENGTH_FIRST: Final = frozenset({"string", "bytes"})
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
            raise fail(where, f"{value!r} is not allowed; allowed are {', '.join(allowed)}, each true or false")
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
        "language_of": language_of, "missing": _missing,
    }  # fmt: skip
    body = _Body()
    functions: list[str] = []
    for depends, group in itertools.groupby(fields, key=_group):
        members = list(group)
        if depends == "constant":
            body.literal(b"".join(_constant(field) for field in members))
        elif depends in CACHED:
            number = next(_fragment_numbers)
            inner = _Body()
            for field in members:
                _add_field(field, inner, scope)
            functions.append(inner.function(f"fragment_{number}"))
            make = f"fragment_{number}(e)"
            defaults = [field.absent for field in members if field.absent is not None]
            absent = repr(b"".join(defaults)) if len(defaults) == len(members) else make
            part = body.part()
            body.lines += [
                f"o = {CACHED[depends]}",
                "if o is None:",
                f"    {part} = {absent}",
                "else:",
                f"    {part} = o.fragments.get({number})",
                f"    if {part} is None:",
                f"        {part} = o.fragments[{number}] = {make}",
            ]
        else:
            for field in members:
                _add_field(field, body, scope)
    source = "\n\n".join([*functions, body.function("encode")])
    exec(compile(source, "<mapping>", "exec"), scope)  # noqa: S102 - source from checked expressions
    encode: Callable[[Event], bytes] = scope["encode"]
    return source, encode


class _Body:
    """Source of a function over `e` that joins the parts of a datum."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._parts: list[str] = []

    def part(self) -> str:
        """A new local variable, whose bytes follow those of the parts before."""
        name = f"p{len(self._parts)}"
        self._parts.append(name)
        return name

    @property
    def _reads_parameters(self) -> bool:
        return any("parameters.get(" in line for line in self.lines)

    def literal(self, data: bytes) -> None:
        """Bytes that are always the same."""
        self._parts.append(repr(data))

    def function(self, name: str) -> str:
        lines = ["parameters = e.parameters if type(e.parameters) is dict else {}"] if self._reads_parameters else []
        lines += [*self.lines, f"return b''.join(({', '.join(self._parts)},))"]
        return "\n    ".join([f"def {name}(e):", *lines])


def _group(field: _Field) -> str:
    return "constant" if field.expression is None else field.expression.depends


def _constant(field: _Field) -> bytes:
    if field.expression is None:
        assert field.absent is not None  # noqa: S101 - checked in _field
        return field.absent
    value = field.expression.evaluate(Event("browser", 0))
    if value is None:
        return _missing(field.name) if field.absent is None else field.absent
    where = f"fields.{field.name}"
    encoded = encoder(field.avro_type, where)(value)
    if encoded is None:
        raise fail(where, f"the value {value!r} does not fit the schema's {field.base}")
    return field.branch + encoded


def _add_field(field: _Field, body: _Body, scope: dict[str, Any]) -> None:
    """Lines that make the field's bytes."""
    expression = field.expression
    if expression is None:
        assert field.absent is not None  # noqa: S101 - checked in _field
        body.literal(field.absent)
        return
    if expression.inline is not None:
        value = expression.inline
    else:
        scope[f"value_{field.name}"] = expression.evaluate
        value = f"value_{field.name}(e)"
    body.lines.append(f"v = {value}")
    # Other kinds fit as they are, but a float may be too small for a number.
    if field.base in COERCIONS and (expression.kind is Kind.JSON or field.base == "float"):
        scope[f"to_{field.base}"] = COERCIONS[field.base]
        body.lines += ["if v is not None:", f"    v = to_{field.base}(v)"]
    absent = f"missing({field.name!r})" if field.absent is None else repr(field.absent)
    parts = [body.part() for _ in range(2 if field.base in _LENGTH_FIRST else 1)]
    present = _encode_source(field, scope, parts, absent)
    if expression.never_absent:
        body.lines += present
        return
    body.lines += ["if v is None:", f"    {parts[0]} = {absent}", *(f"    {part} = b''" for part in parts[1:]), "else:"]
    body.lines += ["    " + line for line in present]


def _encode_source(field: _Field, scope: dict[str, Any], parts: list[str], absent: str) -> list[str]:
    """Lines that put the bytes of the value `v` into the parts."""
    part = parts[0]
    branch = f"{field.branch!r} + " if field.branch else ""
    prefix = "PREFIX"
    if field.branch:
        prefix = f"PREFIX_{field.branch.hex()}"
        scope.setdefault(prefix, tuple(field.branch + length for length in avro.PREFIX))
    if field.base in _LENGTH_FIRST:
        data = parts[1]
        return [
            f"{data} = v.encode()" if field.base == "string" else f"{data} = v",
            f"n = len({data})",
            f"{part} = {prefix}[n] if n < 8192 else {branch}encode_length(n)",
        ]
    if field.base in ("int", "long"):
        # A small number that is not negative is written as a length is. An int must not get a long, which no reader of
        # the schema could read.
        fits = f" if {-1 << 31} <= v < {1 << 31} else {absent}" if field.base == "int" else ""
        return [f"{part} = {prefix}[v] if 0 <= v < 8192 else {branch}encode_long(v){fits}"]
    if field.base == "boolean":
        return [f"{part} = {_flag(field.branch, 1)} if v else {_flag(field.branch, 0)}"]
    if field.base in ("double", "float"):
        return [f"{part} = {branch}pack_{field.base}(v)"]
    # Enums, lists, maps and records: rare, so fastavro does it.
    name = f"complex_{field.name}"
    scope[name] = encoder(field.avro_type, f"fields.{field.name}")
    return [f"b = {name}(v)", f"{part} = {absent} if b is None else {branch}b"]


def _flag(branch: bytes, value: int) -> str:
    return repr(branch + bytes((value,)))


def _missing(name: str) -> NoReturn:
    reject(f"the record's field {name!r} has no value, and the schema gives it no default")
