"""The bytes of a spool segment.

A segment is the magic, then frames: length and CRC-32 of the payload (big-endian, 4 bytes each), the payload.
A write that was cut by a crash leaves a frame whose length or checksum does not fit: nothing after it counts.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from collector.delivery.message import Headers  # noqa: TC001 - a NamedTuple's field

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC: Final = b"CSPOOL1\n"
MAX_PAYLOAD: Final = 16 * 1024 * 1024
_FRAME: Final = struct.Struct(">II")
_PAYLOAD: Final = struct.Struct(">qHiI")  # timestamp, length of topic, of key (-1: none), of headers


class SpooledMessage(NamedTuple):
    """A message as the spool keeps it."""

    topic: str
    key: bytes | None
    value: bytes
    timestamp_ms: int
    headers: Headers | None


def encode_frame(message: SpooledMessage) -> bytes:
    """The frame of a message. Header values are kept as text (latin-1 for bytes)."""
    topic = message.topic.encode()
    key = message.key
    headers = b""
    if message.headers:
        headers = orjson.dumps(
            [[name, value.decode("latin-1") if isinstance(value, bytes) else value, isinstance(value, bytes)]
             for name, value in message.headers]
        )  # fmt: skip
    head = _PAYLOAD.pack(message.timestamp_ms, len(topic), -1 if key is None else len(key), len(headers))
    payload = b"".join((head, topic, key or b"", headers, message.value))
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def decode_payload(payload: bytes) -> SpooledMessage:
    """The message of a payload whose checksum was right."""
    timestamp, topic_length, key_length, headers_length = _PAYLOAD.unpack_from(payload)
    position = _PAYLOAD.size
    topic = payload[position : position + topic_length].decode()
    position += topic_length
    key = None
    if key_length >= 0:
        key = payload[position : position + key_length]
        position += key_length
    headers: Headers | None = None
    if headers_length:
        headers = [
            (str(name), str(value).encode("latin-1") if is_bytes else str(value))
            for name, value, is_bytes in orjson.loads(payload[position : position + headers_length])
        ]
        position += headers_length
    return SpooledMessage(topic, key, payload[position:], timestamp, headers)


def frames(data: bytes, position: int = 0) -> Iterator[tuple[bytes, int]]:
    """Payloads of whole frames from the position on, each with the position after it; stops at the first bad one."""
    view = memoryview(data)
    while position + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, position)
        start, end = position + _FRAME.size, position + _FRAME.size + length
        if length > MAX_PAYLOAD or length < _PAYLOAD.size or end > len(data):
            return
        if zlib.crc32(view[start:end]) != checksum:
            return
        yield bytes(view[start:end]), end
        position = end
