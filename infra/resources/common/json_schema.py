"""What a system reads, as the JSON Schema that `make schemas` wrote, and what is wrong in JSON meant for the system."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from infra.resources.common.suggest import suggest

Json = Mapping[str, Any]

_PERIOD = re.compile(r"P(?=\w)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a map",
    "string": "text",
}
_FORMATS = {
    "int32": "a whole number of 32 bits",
    "int64": "a whole number of 64 bits",
    "name": "text without slashes and spaces",
    "period": "an ISO 8601 period, for example PT1H",
    "uuid": "a UUID",
}
_CHECKER = FormatChecker(formats=())


class Mistake(NamedTuple):
    """What is wrong at one place; `allowed` are the names that are known there, or a single description."""

    keys: tuple[int | str, ...]
    kind: Literal["unknown", "missing", "value"]
    given: str
    allowed: tuple[str, ...]

    @property
    def near(self) -> str:
        """The known name that is most like the given one, as a question after a semicolon, or nothing."""
        if self.kind == "value" and len(self.allowed) == 1:
            return ""
        near = suggest(self.given.strip("'"), self.allowed, most=1, otherwise=0)
        return f"; {near}" if near else ""


class JsonSchema:
    """The definitions of a file."""

    def __init__(self, file: Path, additions: Json | None = None) -> None:
        """`additions` are schemas by the names of definitions: they replace keywords, and properties one by one.

        A property that is None is taken out.
        """
        content = json.loads(file.read_text())
        self.version: str = content["$comment"]
        self.definitions: dict[str, Any] = content["$defs"]
        for name, addition in (additions or {}).items():
            try:
                self.definitions[name] = _merged(self.definitions[name], addition)
            except KeyError as gone:
                message = f"{self.version} has no {gone} any more: change what is added to {name} by hand"
                raise LookupError(message) from None

    def mistakes(self, given: Any, schema: Json) -> list[Mistake]:
        """One for each place."""
        validator = _Validator({"$defs": self.definitions, **schema}, format_checker=_CHECKER)
        found = [_mistake(error) for error in validator.iter_errors(given)]
        return sorted({mistake.keys: mistake for mistake in reversed(found)}.values(), key=lambda each: str(each.keys))

    def names(self) -> Iterator[str]:
        """Every property of every definition."""
        for definition in self.definitions.values():
            yield from definition.get("properties", ())


def join(keys: Sequence[int | str]) -> str:
    """spec.dataSchema.dimensionsSpec.dimensions[3].type"""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _merged(schema: Json, addition: Json) -> Json:
    properties = dict(schema.get("properties", {}))
    for name, value in addition.get("properties", {}).items():
        old = properties.pop(name)
        if value is not None:
            properties[name] = {**old, **value}
    return {**schema, **addition, "properties": properties}


def _mistake(error: Any) -> Mistake:
    keys, given = tuple(error.absolute_path), error.instance
    if error.validator == "additionalProperties":
        known = error.schema["properties"].keys() - given.keys()
        return Mistake(keys, "unknown", str(keys[-1]), tuple(sorted(known)))
    if error.validator == "required":
        return Mistake(keys, "missing", "", ())
    allowed = _allowed(error.validator, error.validator_value)
    if given is None:
        return Mistake(keys, "missing", "", allowed)
    shown = f"a {'list' if isinstance(given, list) else 'map'}" if isinstance(given, dict | list) else repr(given)
    return Mistake(keys, "value", shown, allowed)


def _allowed(keyword: str, value: Any) -> tuple[str, ...]:
    match keyword:
        case "type":
            return (" or ".join(_TYPES[name] for name in ([value] if isinstance(value, str) else value)),)
        case "format":
            return (_FORMATS[value],)
        case "minimum" | "maximum":
            return (f"at {'least' if keyword == 'minimum' else 'most'} {value}",)
        case "discriminator":
            names = list(value["mapping"])
        case _:
            names = [value] if keyword == "const" else value
    return tuple(names) if len(names) > 1 else (repr(names[0]),)


# Jackson and marshmallow take null for a property that is absent, and so do these.


def _properties(validator: Any, properties: Json, given: Any, _schema: Json) -> Iterator[ValidationError]:
    for name in properties.keys() & given if isinstance(given, dict) else ():
        if given[name] is not None:
            yield from validator.descend(given[name], properties[name], path=name)


def _required(_validator: Any, names: Sequence[str], given: Any, _schema: Json) -> Iterator[ValidationError]:
    for name in names if isinstance(given, dict) else ():
        if given.get(name) in (None, ""):
            yield ValidationError("missing", path=[name])


def _additional(validator: Any, allowed: Any, given: Any, schema: Json) -> Iterator[ValidationError]:
    for name in given.keys() - schema.get("properties", {}) if isinstance(given, dict) else ():
        if allowed is False:
            yield ValidationError("unknown", path=[name])
        else:
            yield from validator.descend(given[name], allowed, path=name)


# Jackson takes some names in either case. OpenAPI's discriminator chooses a definition.


def _enum(_validator: Any, names: Sequence[str], given: Any, schema: Json) -> Iterator[ValidationError]:
    if isinstance(given, dict) and "discriminator" in schema:
        return
    same = str.upper if schema.get("ignoreCase") else str
    if not isinstance(given, str) or same(given) not in map(same, names):
        yield ValidationError("not allowed")


def _discriminator(validator: Any, choice: Json, given: Any, schema: Json) -> Iterator[ValidationError]:
    if not isinstance(given, dict):
        return
    key, mapping = choice["propertyName"], choice["mapping"]
    name = schema.get("default") if given.get(key) is None else given[key]
    if isinstance(name, str) and name in mapping:
        yield from validator.descend(given, {"$ref": mapping[name]})
    else:
        if name is None and len(mapping) == 1:
            yield from validator.descend(given, {"$ref": next(iter(mapping.values()))})
        yield ValidationError("not allowed", path=[key], validator="discriminator", instance=name)


_Validator = extend(
    Draft202012Validator,
    {
        "additionalProperties": _additional,
        "discriminator": _discriminator,
        "enum": _enum,
        "properties": _properties,
        "required": _required,
    },
)


@_CHECKER.checks("period")
def _is_period(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _PERIOD.fullmatch(value) is not None)


@_CHECKER.checks("name")
def _is_name(value: object) -> bool:
    return not (isinstance(value, str) and re.search(r"[/\s]", value))


@_CHECKER.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int | float) or -(2**31) <= value < 2**31


@_CHECKER.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int | float) or -(2**63) <= value < 2**63


@_CHECKER.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value
