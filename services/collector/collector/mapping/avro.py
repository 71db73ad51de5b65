"""Avro's binary encoding of primitive values, from tables. Tested byte for byte against fastavro."""

from __future__ import annotations

import struct
from typing import Final

_CHUNK: Final = 1 << 14


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


LAST: Final = tuple(_varint(number) for number in range(_CHUNK))
"""Varints of numbers below 2**14."""

_MORE: Final = tuple(bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(_CHUNK))
"""Two bytes that more bytes follow."""

PREFIX: Final = tuple(_varint(number << 1) for number in range(_CHUNK >> 1))
"""Lengths of strings, below 2**13 bytes."""

pack_double: Final = struct.Struct("<d").pack
pack_float: Final = struct.Struct("<f").pack


def encode_long(number: int) -> bytes:
    """An int or long: zigzag, then 7 bits a byte. OverflowError beyond 64 bits."""
    zigzag = number << 1 if number >= 0 else (-number << 1) - 1
    if zigzag < _CHUNK:
        return LAST[zigzag]
    if zigzag < 1 << 28:
        return _MORE[zigzag & 16383] + LAST[zigzag >> 14]
    if zigzag < 1 << 42:
        return _MORE[zigzag & 16383] + _MORE[zigzag >> 14 & 16383] + LAST[zigzag >> 28]
    if zigzag >> 64:
        message = f"{number} does not fit in 64 bits"
        raise OverflowError(message)
    return _varint(zigzag)


def encode_length(length: int) -> bytes:
    """The length of a string or bytes."""
    return PREFIX[length] if length < _CHUNK >> 1 else encode_long(length)
