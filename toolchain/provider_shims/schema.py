"""Names and types of resources, read from the installed SDK packages.

Nothing here is written down twice: the classes that the program itself uses (`ServiceArgs` and
what it is made of) say which properties exist, what type each has and which are required.
"""

import enum
import importlib
import inspect
import json
import re
import types
import typing
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pulumi
from pulumi import _types as sdk_types

from toolchain.provider_shims.values import DEFAULTS_KEY, Secret, Unknown


@dataclass(frozen=True)
class Failure:
    """One wrong property: where, and what is wrong with it."""

    path: str
    reason: str


@dataclass(frozen=True)
class Scalar:
    """A string, an integer, a number, a boolean, or anything at all."""

    kind: str

    def check(self, value: Any, path: str) -> Iterator[Failure]:
        """Yields what is wrong."""
        if self.kind == "any" or value is None or isinstance(value, Unknown):
            return
        accepted = {
            "string": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "number": isinstance(value, int | float) and not isinstance(value, bool),
        }[self.kind]
        if not accepted:
            yield Failure(path, f"expected {_article(self.kind)}, got {describe(value)}")


@dataclass(frozen=True)
class Choice:
    """A closed set of values."""

    values: tuple[Any, ...]

    def check(self, value: Any, path: str) -> Iterator[Failure]:
        """Yields what is wrong."""
        if value is not None and not isinstance(value, Unknown) and value not in self.values:
            allowed = ", ".join(repr(allowed) for allowed in self.values)
            yield Failure(path, f"expected one of {allowed}, got {describe(value)}")


@dataclass(frozen=True)
class ListOf:
    """A list of one type."""

    element: "Type"

    def check(self, value: Any, path: str) -> Iterator[Failure]:
        """Yields what is wrong, element by element."""
        if value is None or isinstance(value, Unknown):
            return
        if not isinstance(value, list):
            yield Failure(path, f"expected a list, got {describe(value)}")
            return
        for index, item in enumerate(value):
            yield from self.element.check(_bare(item), f"{path}[{index}]")


@dataclass(frozen=True)
class MapOf:
    """A map from strings to one type."""

    element: "Type"

    def check(self, value: Any, path: str) -> Iterator[Failure]:
        """Yields what is wrong, value by value."""
        if value is None or isinstance(value, Unknown):
            return
        if not isinstance(value, dict):
            yield Failure(path, f"expected an object, got {describe(value)}")
            return
        for key, item in value.items():
            yield from self.element.check(_bare(item), join(path, key))


@dataclass(frozen=True)
class Field:
    """A property of an object."""

    type: "Type"
    required: bool


@dataclass(frozen=True)
class ObjectOf:
    """An object with known properties; `source` is the SDK's class."""

    source: type

    @property
    def fields(self) -> Mapping[str, Field]:
        """By Pulumi's (camelCase) names."""
        return fields_of(self.source)

    def check(self, value: Any, path: str) -> Iterator[Failure]:
        """Yields what is wrong: unknown, missing and ill-typed properties."""
        if value is None or isinstance(value, Unknown):
            return
        if not isinstance(value, dict):
            yield Failure(path, f"expected an object, got {describe(value)}")
            return
        fields = self.fields
        for key, item in value.items():
            if key == DEFAULTS_KEY:
                continue
            if key not in fields:
                known = ", ".join(sorted(fields))
                yield Failure(join(path, key), f"unknown property; known are {known}")
            else:
                yield from fields[key].type.check(_bare(item), join(path, key))
        for key, field in fields.items():
            if field.required and value.get(key) is None:
                yield Failure(join(path, key), "missing required property")


Type = Scalar | Choice | ListOf | MapOf | ObjectOf


def join(path: str, key: str) -> str:
    """A property path as Pulumi writes it: `a.b`, `a["b.c"]`."""
    if not re.fullmatch(r"[A-Za-z_$][\w$-]*", key):
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def describe(value: Any) -> str:
    """A value for an error text; long ones are cut, objects are named only by what they are."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(sorted(value)) or '(none)'}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _article(kind: str) -> str:
    return f"{'an' if kind == 'integer' else 'a'} {kind}"


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


SCALARS: dict[Any, Scalar] = {
    str: Scalar("string"),
    int: Scalar("integer"),
    float: Scalar("number"),
    bool: Scalar("boolean"),
}


def from_hint(hint: Any) -> Type:  # noqa: PLR0911  (one return a kind of hint)
    """The type that an annotation of the SDK stands for."""
    if hint in SCALARS:
        return SCALARS[hint]
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        members = [
            member
            for member in typing.get_args(hint)
            if member is not type(None) and typing.get_origin(member) not in (Awaitable, pulumi.Output)
        ]
        if str in members:
            return SCALARS[str]  # an enum beside str is a list of known values, not of allowed ones
        return from_hint(members[0]) if len(members) == 1 else Scalar("any")
    if origin in (Sequence, list):
        return ListOf(from_hint(typing.get_args(hint)[0]))
    if origin in (Mapping, dict):
        return MapOf(from_hint(typing.get_args(hint)[1]))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return Choice(tuple(member.value for member in hint))
    if isinstance(hint, type) and (sdk_types.is_input_type(hint) or sdk_types.is_output_type(hint)):
        return ObjectOf(hint)
    return Scalar("any")


@cache
def fields_of(source: type) -> Mapping[str, Field]:
    """The properties of an args class. Required are those without a default in its constructor."""
    if sdk_types.is_output_type(source):
        hints = sdk_types.output_type_types(source)
        return {name: Field(from_hint(hint), required=False) for name, hint in hints.items()}
    parameters = inspect.signature(source).parameters
    required = {
        pulumi_name
        for python_name, pulumi_name in sdk_types.input_type_py_to_pulumi_names(source).items()
        if python_name in parameters and parameters[python_name].default is inspect.Parameter.empty
    }
    return {name: Field(from_hint(hint), name in required) for name, hint in sdk_types.input_type_types(source).items()}


@dataclass(frozen=True)
class ResourceSchema:
    """Inputs and outputs of one resource type."""

    token: str
    inputs: ObjectOf
    outputs: Mapping[str, Field]

    def check(self, inputs: Mapping[str, Any]) -> list[Failure]:
        """All errors in a set of inputs."""
        return list(self.inputs.check(dict(inputs), ""))


@cache
def resource_classes(package: str) -> Mapping[str, type]:
    """Type token to class, from the registration that every SDK package makes when imported."""
    module = importlib.import_module(package)
    source = inspect.getsource(module)
    found = re.search(r'resource_modules="""(.*?)"""', source, re.DOTALL)
    if found is None:
        msg = f"{package} registers no resources; is it a Pulumi SDK package?"
        raise LookupError(msg)
    classes: dict[str, type] = {}
    for entry in json.loads(found.group(1)):
        for token, name in entry["classes"].items():
            classes[token] = getattr(importlib.import_module(entry["fqn"]), name)
    return classes


@cache
def resource_schema(package: str, token: str) -> ResourceSchema:
    """The schema of one resource type. KeyError for a type that the SDK does not have."""
    resource = resource_classes(package)[token]
    arguments = getattr(importlib.import_module(resource.__module__), f"{resource.__name__}Args")
    outputs = {
        name: Field(from_hint(hint), required=False) for name, hint in sdk_types.resource_types(resource).items()
    }
    return ResourceSchema(token, ObjectOf(arguments), outputs)


@cache
def provider_schema(package: str) -> ObjectOf:
    """The configuration of a package's provider."""
    arguments: type = importlib.import_module(package).ProviderArgs
    return ObjectOf(arguments)
