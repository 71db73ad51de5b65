"""A planned resource as the rules see it, without Pulumi."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Rule = Callable[["Planned"], Iterator[str]]
"""Checks one resource. Each violation names the resource, its value, what is allowed and what to do."""

StackRule = Callable[[Sequence["Planned"]], Iterator["Finding"]]
"""Checks the plan as a whole."""


class Unknown(Enum):
    """A value known only after `up`, because another resource must be created first. Rules skip such values."""

    VALUE = "known after up"


UNKNOWN = Unknown.VALUE


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A resource. `props` are its inputs, or its outputs in stack rules. Any value can be UNKNOWN."""

    type: str
    name: str
    urn: str = ""
    props: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """From a property to type and name of the resources that its value depends on. Only set in stack rules."""

    def at(self, *path: str) -> Any:
        """The value at a path of keys: None if missing, UNKNOWN if it or a parent is unknown."""
        value: Any = self.props
        for key in path:
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def items(self, *path: str) -> list[Any]:
        """The list at a path. Empty if missing or unknown."""
        value = self.at(*path)
        return list(value) if isinstance(value, list | tuple) else []


@dataclass(frozen=True)
class Finding:
    """A violation and the resource that causes it; None for the stack itself."""

    message: str
    urn: str | None = None
