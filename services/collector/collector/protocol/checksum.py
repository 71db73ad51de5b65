"""The beacon's checksum, which tells a URL that was cut on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mmh3

from collector.protocol.base36 import parse_int

if TYPE_CHECKING:
    from collections.abc import Sequence


def checksum(pairs: Sequence[tuple[str, str]]) -> int:
    """MurmurHash3 (x86, 32 bit, seed 0), signed, over `name=value,value,;` for each name but `x`, sorted.

    Of the correct UTF-8 bytes. Guava, which Divolte's server used, hashed characters outside the Basic
    Multilingual Plane wrongly and so called events with an emoji corrupt.
    """
    ordered = sorted(pairs, key=_name)  # stable: values of one name keep their order
    parts: list[str] = []
    previous = None
    for name, value in ordered:
        if name == "x":
            continue
        if name == previous:
            parts[-1] = f"{parts[-1][:-1]}{value},;"
        else:
            parts.append(f"{name}={value},;")
            previous = name
    return mmh3.hash("".join(parts))


def matches(pairs: Sequence[tuple[str, str]], given: str | None) -> bool:
    """Whether the `x` of a beacon is the checksum of its other parameters."""
    return given is not None and parse_int(given) == checksum(pairs)


def _name(pair: tuple[str, str]) -> str:
    return pair[0]
