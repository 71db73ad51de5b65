"""Events as senders write them, the answers to them, and the records that come of them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import fastavro
from collector.model.base36 import to_base36
from collector.protocol.checksum import checksum
from hypothesis import strategies as st

from tests.unit.collector.support import SCHEMA

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue
    from confluent_kafka import Message

BASE = {
    "p": "0:i1t84hgy:party",
    "s": "0:i1t84hgy:session",
    "v": "0:pageView",
    "e": "0:eventId",
    "c": "i1t8q2b6",
    "n": "f",
    "f": "f",
    "l": "http://localhost:8290/",
    "i": "1ak",
    "j": "sj",
    "k": "2",
    "w": "uq",
    "h": "qd",
    "t": "sentinelEvent",
}
REAL = BASE | {
    "p": "0:i1t84hgy:5AF359Zjq5kUy98u4wQjlIZzWGhN~GlG",
    "s": "0:i1t84hgy:95CbiPCYln_1e0a6rFvuRkDkeNnc6KC8",
    "v": "0:1fF6GFGjDOQiEx_OxnTm_tl4BH91eGLF",
    "e": "0:1fF6GFGjDOQiEx_OxnTm_tl4BH91eGLF0",
    "t": "pageView",
}
EVENT: dict[str, JsonValue] = {
    "p": "0:1:a",
    "s": "0:1:b",
    "v": "0:v",
    "e": "0:v0",
    "c": 1770000000000,
    "n": True,
    "f": False,
    "w": 99.6,
}
JSON_BODY = (
    b'{"session_id":"0:1:b","event_id":"e","is_new_party":true,"is_new_session":false,'
    b'"client_timestamp_iso":"2026-01-31T12:00:00.250+01:00","event_type":"t","parameters":{"a":1}}'
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def query(parameters: dict[str, str], **changes: str) -> bytes:
    return urlencode(parameters | changes, quote_via=quote).encode()


AVRO: Any = fastavro.parse_schema(json.loads(SCHEMA.read_text()))
BEACON = "/csc-event?" + query(REAL, x="si9804").decode()
GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
ETAG = '"6b3edc43-20ec-4078-bc47-e965dd76b88a"'


def record(message: Message) -> dict[str, Any]:
    value = message.value()
    assert isinstance(value, bytes)
    return fastavro.schemaless_reader(io.BytesIO(value), AVRO, None)  # type: ignore[return-value]


def beacon(event_id: str, **changes: str) -> str:
    parameters = REAL | {"e": event_id} | changes
    return "/csc-event?" + query(parameters, x=to_base36(checksum(list(parameters.items())))).decode()


def batch(*events: object) -> bytes:
    return json.dumps({"events": events}).encode()
