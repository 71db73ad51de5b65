"""From the mapping file and the schema to an encoder of events, both checked."""

from __future__ import annotations

import io
import itertools
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import fastavro
import orjson

from collector.mapping import avro
from collector.mapping.coerce import COERCIONS
from collector.mapping.encode import (
    SHARED,
    BooleanField,
    BytesField,
    Constant,
    DoubleField,
    Field,
    FloatField,
    IntField,
    LongField,
    NestedField,
    Part,
    RecordEncoder,
    Shared,
    TextField,
)
from collector.mapping.errors import MappingError, fail
from collector.mapping.expressions import Expression, Kind
from collector.mapping.nested import encoder
from collector.mapping.parse import parse_expression
from collector.model.event import Event, reject

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
_FIELDS: Final[dict[str, type[Field]]] = {
    "string": TextField, "bytes": BytesField, "int": IntField, "long": LongField, "boolean": BooleanField,
    "double": DoubleField, "float": FloatField,
}  # fmt: skip
"""Type of the schema to the part that encodes it; NestedField encodes the others."""
_fragment_numbers: Final = itertools.count()
"""Unique over all mappings of a process, for fragments are kept on shared objects."""


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """A checked mapping. `encode` gives the Avro datum of an event, MalformedEventError when there is none."""

    encode: Callable[[Event], bytes]
    schema: Any
    discard_corrupted: bool
    discard_duplicates: bool

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
    return RecordMapping(RecordEncoder(_parts(fields)).encode, parsed, *options)


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


def _parts(fields: list[_Field]) -> list[Part]:
    parts: list[Part] = []
    for depends, group in itertools.groupby(fields, key=_group):
        members = list(group)
        if depends == "constant":
            parts.append(Constant(b"".join(_constant(field) for field in members)))
        elif depends in SHARED:
            defaults = [field.absent for field in members if field.absent is not None]
            absent = b"".join(defaults) if len(defaults) == len(members) else None
            parts.append(Shared(depends, next(_fragment_numbers), [_part(field) for field in members], absent))
        else:
            parts += [_part(field) for field in members]
    return parts


def _group(field: _Field) -> str:
    return "constant" if field.expression is None else field.expression.depends


def _constant(field: _Field) -> bytes:
    if field.expression is None:
        assert field.absent is not None  # noqa: S101 - checked in _field
        return field.absent
    value = field.expression.evaluate(Event("browser", 0))
    if value is None:
        if field.absent is None:
            reject(f"the record's field {field.name!r} has no value, and the schema gives it no default")
        return field.absent
    where = f"fields.{field.name}"
    encoded = encoder(field.avro_type, where)(value)
    if encoded is None:
        raise fail(where, f"the value {value!r} does not fit the schema's {field.base}")
    return field.branch + encoded


def _part(field: _Field) -> Part:
    expression = field.expression
    if expression is None:
        assert field.absent is not None  # noqa: S101 - checked in _field
        return Constant(field.absent)
    coerce = None
    # Other kinds fit as they are, but a float may be too small for a number.
    if field.base in COERCIONS and (expression.kind is Kind.JSON or field.base == "float"):
        coerce = COERCIONS[field.base]
    make = _FIELDS.get(field.base)
    if make is None:
        make, coerce = NestedField, encoder(field.avro_type, f"fields.{field.name}")
    return make(field.name, field.branch, field.absent, expression.attribute, expression.evaluate, coerce)
