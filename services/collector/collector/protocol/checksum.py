"""The beacon's checksum, which detects a URL that was truncated in transit."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

import mmh3

from collector.model.base36 import parse_int
from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Sequence

_MIN_NAMES: Final = 3  # a picker of one name would not give a tuple
_MAX_NAMES: Final = 30
_LAYOUTS: Final = BoundedCache[tuple[str, ...], "tuple[str, itemgetter[tuple[str, ...]]]"](256)


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


def matches(pairs: Sequence[tuple[str, str]], values: dict[str, str]) -> bool:
    """Whether the `x` of a beacon is the checksum of its other parameters. `values`: the first of each name."""
    given = values.get("x")
    if given is None:
        return False
    if len(values) != len(pairs) or not _MIN_NAMES <= len(values) <= _MAX_NAMES:
        return parse_int(given) == checksum(pairs)
    # Beacons of one tag have the same few sets of names, so the sorting is done once for each.
    names = tuple(values)
    layout: tuple[str, itemgetter[tuple[str, ...]]] | None = _LAYOUTS.get(names)
    if layout is None:
        ordered = sorted(name for name in names if name != "x")
        layout = ("".join(f"{name.replace('%', '%%')}=%s,;" for name in ordered), itemgetter(*ordered))
        _LAYOUTS.put(names, layout)
    template, pick = layout
    return parse_int(given) == mmh3.hash(template % pick(values))


def _name(pair: tuple[str, str]) -> str:
    return pair[0]
