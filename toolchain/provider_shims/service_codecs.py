"""How the docker provider writes one value of a service to the engine, and reads it back."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolchain.provider_shims.diffing import Complete
from toolchain.provider_shims.durations import parse_duration, short_duration


class Codec(Protocol):
    """One value in both directions. Engine values are never None here."""

    def write(self, value: Any) -> Any:
        """From an input to the engine."""

    def read(self, value: Any) -> Any:
        """From the engine to an input."""


class Same:
    """The same in Pulumi and in the engine."""

    def write(self, value: Any) -> Any:
        """Unchanged."""
        return value

    def read(self, value: Any) -> Any:
        """Unchanged."""
        return value


class Duration:
    """`10s` in Pulumi, nanoseconds in the engine."""

    def write(self, value: Any) -> Any:
        """To nanoseconds."""
        return parse_duration(value)

    def read(self, value: Any) -> Any:
        """To the provider's text, whatever the program wrote: `60s` comes back as `1m`, nothing as `0s`."""
        return short_duration(value)


class Ratio:
    """Text such as `0.1` in Pulumi, a number in the engine."""

    def write(self, value: Any) -> Any:
        """To a number."""
        return float(value)

    def read(self, value: Any) -> Any:
        """To text with one digit after the point."""
        return f"{value:.1f}"


class Environment:
    """A map in Pulumi, a list of `NAME=value` in the engine."""

    def write(self, value: Any) -> Any:
        """To a list, in random order as the provider does: to the swarm, another order is another task."""
        items = [f"{name}={text}" for name, text in value.items()]
        random.shuffle(items)
        return items

    def read(self, value: Any) -> Any:
        """To a map."""
        return Complete(item.split("=", 1) if "=" in item else (item, "") for item in value) or None


class Labels:
    """A list of pairs in Pulumi, a map in the engine."""

    def write(self, value: Any) -> Any:
        """To a map."""
        return {item["label"]: item["value"] for item in value}

    def read(self, value: Any) -> Any:
        """To a list, in the order of the labels."""
        return [{"label": label, "value": text} for label, text in sorted(value.items())] or None


class Table:
    """A map of strings in both."""

    def write(self, value: Any) -> Any:
        """Unchanged."""
        return value

    def read(self, value: Any) -> Any:
        """Marked as all there is; an empty map is not read back."""
        return Complete(value) or None


@dataclass(frozen=True)
class Part:
    """An object; each input names the engine's key and how the value is written.

    A key such as `File.Name` lies deeper on the engine's side.
    """

    fields: Mapping[str, tuple[str, Codec]]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own defaults: an input that is left out is the same as this one."""

    written: Mapping[str, Any] = field(default_factory=dict)
    """What the provider sends for an input that is left out and has no default. Read back, it is a difference."""

    omitted: frozenset[str] = frozenset()
    """Inputs whose zero the engine leaves out of its answers and the provider reads all the same."""

    def write(self, value: Any) -> Any:
        """To the engine; what is not set is left out, and so is what only the provider reads (`auth`)."""
        given = {name: item for name, item in value.items() if name in self.fields and item is not None}
        result: dict[str, Any] = {}
        for name, item in {**self.defaults, **self.written, **given}.items():
            key, codec = self.fields[name]
            target, keys = result, key.split(".")
            for step in keys[:-1]:
                target = target.setdefault(step, {})
            target[keys[-1]] = codec.write(item)
        return result

    def read(self, value: Any) -> Any:
        """From the engine; every property is there, None if not set."""
        result: dict[str, Any] = {}
        for name, (key, codec) in self.fields.items():
            found: Any = value
            for step in key.split("."):
                found = found.get(step) if isinstance(found, dict) else None
            if found is None and name in self.omitted:
                found = 0
            result[name] = None if found is None else codec.read(found)
        return result

    def walk(self, path: str = "") -> Iterator[tuple[str, Codec]]:
        """Every property below this one, with `[*]` for the elements of a list."""
        for name, (_, codec) in self.fields.items():
            here = f"{path}.{name}" if path else name
            yield here, codec
            if isinstance(codec, Part):
                yield from codec.walk(here)
            elif isinstance(codec, Many):
                yield from codec.part.walk(f"{here}[*]")


@dataclass(frozen=True)
class Many:
    """A list of objects."""

    part: Part

    def write(self, value: Any) -> Any:
        """To the engine."""
        return [self.part.write(item) for item in value]

    def read(self, value: Any) -> Any:
        """From the engine, for which an empty list means not set."""
        return [self.part.read(item) for item in value] or None
