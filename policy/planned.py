"""A resource of the plan as the rules see it, without Pulumi."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Rule = Callable[["Planned"], Iterator[str]]
"""Reports what is wrong with one resource: which, what was found, what is allowed, what to do."""

StackRule = Callable[[Sequence["Planned"]], Iterator["Finding"]]
"""Reports what is wrong with the plan as a whole."""


class Unknown(Enum):
    """Known only after `up`, because another resource has to be created first. No rule checks it before."""

    VALUE = "known after up"


UNKNOWN = Unknown.VALUE


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A resource. `props` are its inputs, for a rule over the whole stack its outputs; UNKNOWN stands for any value."""

    type: str
    name: str
    urn: str = ""
    props: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """Property to type and name of the resources that its value comes from; only for rules over the whole stack."""

    def at(self, *path: str) -> Any:
        """The value at a path of keys: None where there is none, UNKNOWN where it or what it is in is not known."""
        value: Any = self.props
        for key in path:
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def items(self, *path: str) -> list[Any]:
        """The list at a path; none where it is not known or not there."""
        value = self.at(*path)
        return list(value) if isinstance(value, list | tuple) else []


@dataclass(frozen=True)
class Finding:
    """What is wrong, and the resource that shows it; None for the stack itself."""

    message: str
    urn: str | None = None
