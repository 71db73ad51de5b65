"""Compressed bodies: gzip is accepted within the limits, and no other encoding."""

from __future__ import annotations

import gzip
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.unit.collector.sample_events import EVENT, JSON_BODY, batch
from tests.unit.collector.support import delivered, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

JSON_PATH = "/json-event?p=0:1:a"


async def test_gzip_is_accepted(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        body = gzip.compress(batch(EVENT))
        assert (await request(app, "/csc-batch", "POST", body, Content_Encoding="gzip"))[0] == 200
        body = gzip.compress(b"\xef\xbb\xbf" + JSON_BODY)
        json_type = {"Content_Type": "application/json"}
        assert (await request(app, JSON_PATH, "POST", body, Content_Encoding="GZIP", **json_type))[0] == 204
        delivered(app, "tracking-avro", 2)
        assert app.metrics.dead.total() == 0


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (gzip.compress(b" " * 10_000_000), "gzip", 413),
        (b'{"events": []}', "gzip", 400),
        (gzip.compress(b'{"events": []}')[:-9], "gzip", 400),
        (zlib.compress(b'{"events": []}'), "deflate", 415),
        (b"whatever", "br", 415),
    ],
    ids=["bomb", "not gzip", "cut off", "deflate", "br"],
)
async def test_unreadable_bodies_are_refused_for_good(
    tmp_path: Path, body: bytes, encoding: str, expected: int
) -> None:
    async with running(make_settings(tmp_path)) as app:
        started = time.process_time()
        status, headers, _ = await request(app, "/csc-batch", "POST", body, Content_Encoding=encoding)
        assert time.process_time() - started < 1
        assert status == expected
        assert ("accept-encoding" in headers) == (expected == 415)
        assert app.metrics.dead.total() == 0
