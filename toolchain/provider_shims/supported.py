"""What a shim does not support: refused by name, rather than ignored."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from toolchain.provider_shims.diffing import general
from toolchain.provider_shims.schema import Failure, join

REMEDY = "install the real plugin on PATH or in ~/.pulumi/plugins, then run `make setup` (docs/toolchain.md)"


def refusal(package: str, what: str, supported: Collection[str]) -> str:
    """The error for a resource type, an input or a function; `supported` are those that it may be instead."""
    instead = f"supported: {', '.join(sorted(supported))}" if supported else "none is supported"
    return f"the provider shim for {package} does not support {what}; {instead}. To use it, {REMEDY}"


def unsupported_inputs(package: str, inputs: Mapping[str, Any], supported: Collection[str] | None) -> list[Failure]:
    """One failure for each input that is not in `supported`, which is all that the SDK has if None.

    A supported path under which no other one lies covers all that is in it, a map for example.
    """
    if supported is None:
        return []
    return [
        Failure(path, refusal(package, f"the input {path}", _siblings(path, supported)))
        for path in _unsupported(inputs, supported, "")
    ]


def supported_part(value: Any, supported: Collection[str], path: str = "") -> Any:
    """The same value without what the shim does not support: the real plugin's state, for example, holds more."""
    if isinstance(value, list):
        return [supported_part(item, supported, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict) or (path and not _has_parts(path, supported)):
        return value
    paths = {key: join(path, key) for key in value}
    return {
        key: supported_part(value[key], supported, here) for key, here in paths.items() if general(here) in supported
    }


def _has_parts(path: str, supported: Collection[str]) -> bool:
    return any(other.startswith((f"{general(path)}.", f"{general(path)}[")) for other in supported)


def _unsupported(value: Any, supported: Collection[str], path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unsupported(item, supported, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            here = join(path, key)
            if general(here) not in supported:
                yield here
            elif _has_parts(here, supported):
                yield from _unsupported(item, supported, here)


def _siblings(path: str, supported: Collection[str]) -> set[str]:
    parent = general(path).rpartition(".")[0]
    return {name for name in supported if name.rpartition(".")[0] == parent}
