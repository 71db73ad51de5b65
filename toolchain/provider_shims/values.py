"""Pulumi's property values as plain Python.

On the wire a property map is a protobuf Struct in which secrets and unknown values are marked by
signatures. Here a secret is a `Secret` around its value and an unknown value is `UNKNOWN`;
everything else is None, bool, int, float, str, list and dict.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

# Signatures of Pulumi's wire format, the same in every SDK.
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

DEFAULTS_KEY: Final = "__defaults"
"""Input that names the inputs which the provider, not the program, has set; the CLI hides it."""

Props = dict[str, Any]


class Unknown:
    """A value that is known only after the update."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in the state and hides in the output."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


def decode(struct: struct_pb2.Struct) -> Props:
    """Struct to Python, marks kept. Integral numbers become int: the wire knows only doubles."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def _decode(value: struct_pb2.Value) -> Any:  # noqa: PLR0911  (one return a kind of value)
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == UNKNOWN_TEXT else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET_SIGNATURE:
            return Secret(_decode(fields["value"]))
        return decode(value.struct_value)
    return None


def encode(properties: Props) -> struct_pb2.Struct:
    """Python to Struct; None is left out, as Pulumi does with outputs that have no value."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        if value is not None:
            struct.fields[key].CopyFrom(_encode(value))
    return struct


def _encode(value: Any) -> struct_pb2.Value:  # noqa: PLR0911  (one return a kind of value)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=UNKNOWN_TEXT)
    if isinstance(value, Secret):
        inner = struct_pb2.Struct()
        inner.fields[SIGNATURE].string_value = SECRET_SIGNATURE
        inner.fields["value"].CopyFrom(_encode(value.value))
        return struct_pb2.Value(struct_value=inner)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=encode(value))
    if isinstance(value, Iterable):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
    msg = f"a property value cannot be a {type(value).__name__}"
    raise TypeError(msg)


def reveal(value: Any) -> Any:
    """The same value without secret marks."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_secret(value: Any) -> bool:
    """Whether any part is secret."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, dict):
        return any(has_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(has_secret(item) for item in value)
    return False


def has_unknown(value: Any) -> bool:
    """Whether any part is unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return False


def mark_secrets(value: Any, like: Any) -> Any:
    """`value` with marks where `like`, the inputs it came from, has them.

    Objects are followed key by key; a list of which any part is secret becomes secret as a whole,
    because the live system may give its elements in another order.
    """
    if isinstance(value, Secret) or value is None:
        return value
    if isinstance(like, Secret):
        return Secret(reveal(value))
    if isinstance(like, dict) and isinstance(value, dict):
        return {key: mark_secrets(item, like.get(key)) for key, item in value.items()}
    if has_secret(like):
        return Secret(reveal(value))
    return value
