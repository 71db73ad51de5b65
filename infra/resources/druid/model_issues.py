"""Validation errors of a model of Druid's JSON, as paths into the given JSON with plain reasons."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from infra.resources.common.suggest import suggest

ValidationIssue = tuple[str, str]
"""Path, such as spec.ioConfig.topic, and reason."""


def model_issues(model: Any, given: Any) -> list[ValidationIssue]:
    """Every field that is unknown, missing or of the wrong kind."""
    try:
        TypeAdapter(model).validate_python(given)
    except ValidationError as error:
        found = {_described(item, given, model) for item in error.errors()}
        # If a union of string and map fails as both, keep only the errors inside the map.
        return sorted(item for item in found if not any(path.startswith(f"{item[0]}.") for path, _ in found))
    return []


def _described(error: ErrorDetails, given: Any, model: Any) -> ValidationIssue:
    keys, holder = _resolved(error["loc"], given, missing=error["type"] == "missing")
    path = join(keys)
    match error["type"]:
        case "extra_forbidden":
            return path, f"unknown, and Druid would ignore it{_hint(str(keys[-1]), model, holder)}"
        case "missing":
            return path, "missing"
        case "union_tag_not_found":
            return f"{path}.type".lstrip("."), f"missing; {_types_at(error['loc'], keys, given, model)} are allowed"
        case "union_tag_invalid":
            return f"{path}.type".lstrip(
                "."
            ), f"{_shown(error['input'].get('type'))} given; {_types(error)} are allowed"
        case _:
            allowed = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
            return path, f"{_shown(error['input'])} given; allowed: {allowed}"


def _types(error: ErrorDetails) -> str:
    return str(error.get("ctx", {})["expected_tags"]).replace("'", "")


def _types_at(loc: tuple[int | str, ...], keys: Sequence[int | str], given: Any, model: Any) -> str:
    """The types of a union. Pydantic lists them only for a wrong type, so set one."""
    changed = copy.deepcopy(given)
    node = reduce(getitem, keys, changed)
    node["type"] = ""
    try:
        TypeAdapter(model).validate_python(changed)
    except ValidationError as error:
        return next(_types(item) for item in error.errors() if item["loc"] == loc)
    raise AssertionError


def _shown(value: Any) -> str:
    return repr(value) if not isinstance(value, Mapping | list) else f"a {'list' if isinstance(value, list) else 'map'}"


def _resolved(loc: Sequence[int | str], given: Any, *, missing: bool) -> tuple[list[int | str], Mapping[str, Any]]:
    """The location's keys in the given JSON, without the union tags that pydantic inserts; and the map around it."""
    keys: list[int | str] = []
    node, holder = given, {}
    for position, key in enumerate(loc):
        if isinstance(node, Mapping) and isinstance(key, str) and key in node:
            holder, node = dict(node), node[key]
        elif isinstance(node, list) and isinstance(key, int) and key < len(node):
            node = node[key]
        elif not (missing and position == len(loc) - 1):
            continue
        keys.append(key)
    return keys, holder


def join(keys: Sequence[int | str]) -> str:
    """spec.dataSchema.dimensionsSpec.dimensions[3].type"""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _hint(key: str, model: Any, holder: Mapping[str, Any]) -> str:
    near = suggest(key, _names(model) - holder.keys(), most=1, otherwise=0)
    return f"; {near}" if near else ""


def _names(model: Any) -> set[str]:
    """Every property that the model knows, at any level."""
    return set(_properties(TypeAdapter(model).json_schema()))


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        yield from schema.get("properties", {}) if isinstance(schema.get("properties"), Mapping) else ()
        for part in schema.values():
            yield from _properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _properties(part)
