"""The endpoints over real sockets: statuses, headers, what reaches Kafka."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
from typing import TYPE_CHECKING

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.async_waiting import until
from tests.unit.collector.sample_events import (
    AVRO,
    BEACON,
    ETAG,
    EVENT,
    GIF,
    JSON_BODY,
    REAL,
    batch,
    beacon,
    record,
)
from tests.unit.collector.support import SCHEMA, delivered, exchange, make_settings, parse, request, running

if TYPE_CHECKING:
    from pathlib import Path


async def test_beacon_is_answered_as_divolte_does(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, headers, body = await request(app, BEACON, User_Agent="Mozilla/5.0")
        assert (status, body) == (200, GIF)
        assert headers["etag"] == ETAG
        assert headers["content-type"] == "image/gif"
        assert headers["cache-control"] == "private, no-cache, proxy-revalidate"
        assert headers["pragma"] == "no-cache"
        assert headers["expires"] == "Fri, 14 Apr 1995 11:30:00 GMT"
        (message,) = delivered(app, "tracking-avro", 1)
        found = record(message)
    assert message.key() == REAL["p"].encode()
    assert message.headers() is None
    assert message.timestamp()[1] == round(found["timestamp"].timestamp() * 1000)
    assert found["event_type"] == "pageView"
    assert found["navigator_user_agent"] == "Mozilla/5.0"
    assert found["is_corrupt"] is False


async def test_sentinel_gets_304_and_no_event(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        for header in (ETAG, f'W/{ETAG}, "other"'):
            assert (await request(app, BEACON, If_None_Match=header))[0] == 304
        assert app.metrics.received["browser"] == 0
        for header in ('"other"', "*", f'"other"\r\nIf-None-Match: {ETAG}'):
            assert (await request(app, BEACON, If_None_Match=header))[0] == 200
        assert app.metrics.received["browser"] == 3


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("HEAD", "/csc-event", "GET"),
        ("POST", "/csc-event", "GET"),
        ("GET", "/csc-batch", "POST"),
        ("PUT", "/json-event", "POST"),
    ],
)
async def test_other_methods_get_405_and_allow(tmp_path: Path, method: str, target: str, allowed: str) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, headers, body = await request(app, target, method)
    assert (status, headers["allow"]) == (405, allowed)
    assert body == (b"" if method == "HEAD" else f"HTTP method {method} not allowed.".encode())


async def test_malformed_beacon_goes_to_the_dead_letters_with_its_bytes(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, _, body = await request(app, "/csc-event?p=0:1:a&t=%ff%00")
        assert (status, body) == (200, GIF)
        (message,) = delivered(app, "tracking-dead", 1)
    headers = dict(message.headers() or [])
    assert message.value() == b"p=0:1:a&t=%ff%00"
    assert headers["reason"] == b"the required parameter 'v' is missing"
    assert (headers["source"], headers["path"]) == (b"browser", b"/csc-event")


async def test_a_dead_letter_is_told_of_in_json_without_its_bytes(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, dead_letter_notice_topic="tracking-dead-notices")) as app:
        await request(app, "/csc-event?p=0:1:a&t=%ff%00")
        (letter,) = delivered(app, "tracking-dead", 1)
        (notice,) = delivered(app, "tracking-dead-notices", 1)
    schema = json.loads((SCHEMA.parent / "dead_letter.avsc").read_text())
    given = json.loads(notice.value() or b"")
    assert fastavro.validate(given, schema)
    assert given == {
        "timestamp": letter.timestamp()[1],
        "stage": "collector",
        "source": "browser",
        "reason": "the required parameter 'v' is missing",
        "bytes": len(letter.value() or b""),
        "events": 1,
    }


async def test_batch_judges_each_event_on_its_own(tmp_path: Path) -> None:
    body = batch(EVENT, {**EVENT, "p": "x"}, {**EVENT, "e": "second", "u": {"engagement_ms": 1500}}, 5)
    async with running(make_settings(tmp_path)) as app:
        status, _, answer = await request(app, "/csc-batch", "POST", body, Content_Type="text/plain;charset=UTF-8")
        result = json.loads(answer)
        assert (status, result["accepted"]) == (200, ["0:v0", "second"])
        assert [item["index"] for item in result["rejected"]] == [1, 3]
        assert "'p' is not an identifier" in result["rejected"][0]["reason"]
        records = [record(message) for message in delivered(app, "tracking-avro", 2)]
        (dead,) = [message.value() for message in delivered(app, "tracking-dead", 1)]
    assert [found["engagement_ms"] for found in records] == [None, 1500]
    assert json.loads(records[1]["parameters"]) == {"engagement_ms": 1500}
    assert json.loads(dead or b"") == {"events": [{**EVENT, "p": "x"}, 5]}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "text/plain", 400),
        (batch(), "application/json", 200),
        (batch(EVENT), "image/png", 415),
        (batch(*[EVENT] * 5), "text/plain", 413),
        (b"x" * 5000, "text/plain", 413),
    ],
)
async def test_batches_that_are_wrong_as_a_whole(tmp_path: Path, body: bytes, content_type: str, status: int) -> None:
    async with running(make_settings(tmp_path, batch_events=4, batch_bytes=4096)) as app:
        assert (await request(app, "/csc-batch", "POST", body, Content_Type=content_type))[0] == status


@pytest.mark.parametrize(
    ("target", "body", "content_type", "status"),
    [
        ("?p=0:1:a", JSON_BODY, "application/json", 204),
        ("?p=0:1:a", JSON_BODY, "Application/JSON; charset=utf-8", 204),
        ("?p=0:1:a", JSON_BODY, "application/json; charset=latin-1", 415),
        ("?p=0:1:a", JSON_BODY, "text/plain", 415),
        ("?p=0:1:a", b"", "application/json", 400),
        ("?p=a", JSON_BODY, "application/json", 400),
        ("", JSON_BODY, "application/json", 400),
        ("?p=0:1:a", b"{}", "application/json", 400),
        ("?p=0:1:a", b"x" * 4097, "application/json", 413),
    ],
)
async def test_json_source_statuses(tmp_path: Path, target: str, body: bytes, content_type: str, status: int) -> None:
    async with running(make_settings(tmp_path)) as app:
        assert (await request(app, "/json-event" + target, "POST", body, Content_Type=content_type))[0] == status


async def test_expect_continue_is_honoured(tmp_path: Path) -> None:
    head = (
        "POST /json-event?p=0:1:a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(JSON_BODY)}\r\n"
    )
    async with running(make_settings(tmp_path)) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.server.port)
        writer.write(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(JSON_BODY)
        assert b" 204 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.close()


async def test_chunked_body_is_read_and_limited(tmp_path: Path) -> None:
    head = (
        b"POST /json-event?p=0:1:a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    good = f"{len(JSON_BODY):x}\r\n".encode() + JSON_BODY + b"\r\n0\r\n\r\n"
    async with running(make_settings(tmp_path)) as app:
        assert parse(await exchange(app, head + good))[0] == 204
        assert parse(await exchange(app, head + b"1000\r\n" + b"x" * 4096 + b"\r\n1\r\nx\r\n0\r\n\r\n"))[0] == 413


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    targets = [beacon("a"), "/ping", beacon("b"), "/nothing"]
    data = b"".join(f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode() for target in targets)
    async with running(make_settings(tmp_path)) as app:
        answer = await exchange(app, data)
        statuses = [part.split(b" ")[1] for part in answer.split(b"HTTP/1.1")[1:] for part in [b"HTTP/1.1" + part]]
        assert statuses == [b"200", b"200", b"200", b"404"]
        assert answer.index(b"pong") < answer.rindex(GIF)
        assert [record(message)["event_id"] for message in delivered(app, "tracking-avro", 2)] == ["a", "b"]


@pytest.mark.parametrize(
    "path", ["//csc-event", "/./csc-event", "/x/../csc-event", "/%63sc-event", "http://h/csc-event"]
)
async def test_paths_are_canonicalised(tmp_path: Path, path: str) -> None:
    async with running(make_settings(tmp_path)) as app:
        assert (await request(app, path + BEACON.removeprefix("/csc-event")))[0] == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /ping HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /ping HTTP/1.1\r\nHost : t\r\n\r\n", 400),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000, 431),
        (b"CONNECT t:443 HTTP/1.1\r\nHost: t\r\n\r\n", 501),
        (b"GET /ping HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
        (b"GET /ping HTTP/1.0\r\n\r\n", 200),
        (f"GET {BEACON} HTTP/1.0\r\n\r\n".encode(), 200),
        (f"GET {BEACON}&t2=a b HTTP/1.1\r\nHost: t\r\n\r\n".encode(), 400),
        (f"GET {BEACON}&t2=é HTTP/1.1\r\nHost: t\r\n\r\n".encode(), 200),
    ],
)
async def test_strange_http_is_answered_and_the_connection_ends(tmp_path: Path, data: bytes, status: int) -> None:
    async with running(make_settings(tmp_path)) as app:
        assert parse(await exchange(app, data))[0] == status
        assert (await request(app, "/ping"))[0] == 200


async def test_slow_clients_are_timed_out(tmp_path: Path) -> None:
    changes = {"head_timeout": 0.2, "body_timeout": 0.2, "idle_timeout": 0.2}
    starts = [b"GET /pi", b"POST /csc-batch HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n{", b""]
    async with running(make_settings(tmp_path, **changes)) as app:
        connections = [await asyncio.open_connection("127.0.0.1", app.server.port) for _ in starts]
        for (_, writer), start in zip(connections, starts, strict=True):
            writer.write(start)
        await asyncio.sleep(0.3)
        app.server.expire()
        answers = [await asyncio.wait_for(reader.read(-1), 5) for reader, _ in connections]
        for _, writer in connections:
            writer.close()
    assert [answer[9:12] for answer in answers] == [b"408", b"408", b""]


async def test_too_many_connections_are_refused(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, connections=1)) as app:
        _, writer = await asyncio.open_connection("127.0.0.1", app.server.port)
        await until(lambda: app.server.open_connections == 1, seconds=10)
        assert (await request(app, "/ping"))[0] == 503
        writer.close()
        await until(lambda: app.server.open_connections == 0, seconds=10)
        assert (await request(app, "/ping"))[0] == 200


async def test_duplicates_are_flagged_also_after_a_restart(tmp_path: Path) -> None:
    changes = {"state_directory": tmp_path / "state"}
    async with running(make_settings(tmp_path, **changes)) as app:
        assert [(await request(app, BEACON))[0] for _ in range(2)] == [200, 200]
        flags = [record(message)["is_duplicate"] for message in delivered(app, "tracking-avro", 2)]
    async with running(make_settings(tmp_path, **changes)) as app:
        await request(app, BEACON)
        await request(app, beacon("another"))
        flags += [record(message)["is_duplicate"] for message in delivered(app, "tracking-avro", 2)]
    assert flags == [False, True, True, False]


async def test_discards_are_answered_but_not_stored(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    shipped = make_settings(tmp_path).mapping_file.read_text()
    mapping.write_text(shipped.replace("= false", "= true"))
    async with running(make_settings(tmp_path, mapping_file=mapping)) as app:
        for target in (BEACON, BEACON, BEACON.replace("si9804", "si9805"), beacon("last")):
            assert (await request(app, target))[0] == 200
        ids = [record(message)["event_id"] for message in delivered(app, "tracking-avro", 2)]
        assert ids == [REAL["e"], "last"]
        assert dict(app.metrics.dropped) == {"duplicate": 1, "corrupt": 1}


async def test_confluent_framing(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, confluent_schema_id=258)) as app:
        await request(app, BEACON)
        (message,) = delivered(app, "tracking-avro", 1)
    value = message.value()
    assert isinstance(value, bytes)
    assert value[:5] == b"\x00\x00\x00\x01\x02"
    assert fastavro.schemaless_reader(io.BytesIO(value[5:]), AVRO, None)["event_id"] == REAL["e"]  # type: ignore[index,call-overload]


async def test_names_of_paths_are_settings(tmp_path: Path) -> None:
    script = tmp_path / "tracker.js"
    script.write_bytes(b"tracker();" * 50)
    changes = {"prefix": "/a/b/", "event_suffix": "e", "batch_suffix": "", "json_path": "/", "script_name": "s.js"}
    async with running(make_settings(tmp_path, script_file=script, **changes)) as app:
        assert (await request(app, BEACON.replace("/csc-event", "/a/b/e")))[0] == 200
        assert (await request(app, "/csc-batch", "POST", batch(EVENT)))[0] == 404
        assert (await request(app, "/?p=0:1:a", "POST", JSON_BODY, Content_Type="application/json"))[0] == 204
        status, headers, body = await request(app, "/a/b/s.js", Accept_Encoding="br, gzip")
        assert (status, gzip.decompress(body)) == (200, script.read_bytes())
        assert headers["cache-control"] == "public, max-age=3600"
        assert headers["vary"] == "Accept-Encoding"
        assert (await request(app, "/a/b/s.js", Accept_Encoding="gzip", If_None_Match=headers["etag"]))[0] == 304
        status, headers, body = await request(app, "/a/b/s.js", Accept_Encoding="gzip;q=0")
        assert (status, body) == (200, script.read_bytes())


async def test_ping_ready_live_metrics_and_the_end(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, shutdown_delay=0.5)) as app:
        await request(app, BEACON)
        await request(app, "/csc-event")
        assert (await request(app, "/ping"))[2] == b"pong"
        assert (await request(app, "/live"))[0] == 200
        assert (await request(app, "/ready"))[:3:2] == (200, b"ready")
        text = (await request(app, "/metrics"))[2].decode()
        for line in (
            'received_total{source="browser"} 2.0',
            "accepted_total 1.0",
            "acknowledged_total 2.0",
            'dead_total{source="browser"} 1.0',
            "latency_seconds_count 2.0",
            "queue_depth 0.0",
            "ready 1.0",
        ):
            assert f"collector_{line}" in text
        stopping = asyncio.create_task(app.stop())
        await asyncio.sleep(0.1)
        assert (await request(app, "/ping"))[:3:2] == (503, b"No p*ng for you, shutting down")
        assert (await request(app, "/ready"))[0] == 503
        assert (await request(app, beacon("late")))[0] == 200  # until the load balancer has noticed
        await stopping
        app.stop = _nothing  # type: ignore[method-assign]


async def _nothing() -> None:
    """Stopped already."""


FRAGMENTS = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"OPTIONS ",
    b"/csc-event",
    b"/csc-batch",
    b"/json-event",
    b"?",
    b"&",
    b"=",
    b"%",
    b"p=0:1:a",
    b"s=0:1:b&v=1&e=2&n=t&f=t&c=1",
    b"u=(",
    b"%ff",
    b"\x00",
    b" HTTP/1.1\r\n",
    b"Host: t\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Type: application/json\r\n",
    b"Cookie: a=b\r\n",
    b"X-Forwarded-For: ::1, x\r\n",
    b"User-Agent: \xff\xfe\r\n",
    b"\r\n",
    b'{"events":[{}]}',
    b"5\r\n",
    b"0\r\n\r\n",
    b"Expect: 100-continue\r\n",
]


def test_any_bytes_get_a_good_status_and_the_collector_lives(tmp_path: Path) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
    @given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=20), max_size=25).map(b"".join))
    def fuzz(data: bytes) -> None:
        answer = loop.run_until_complete(exchange(app, data))
        for status in re.findall(rb"(?:^|\n|;)HTTP/1\.1 (\d+) ", answer):
            assert status[:1] in b"1234" or status == b"503"

    loop = asyncio.new_event_loop()
    context = running(make_settings(tmp_path, trusted_proxies="127.0.0.0/8"))
    app = loop.run_until_complete(context.__aenter__())
    try:
        fuzz()
        assert app.server.refusals["internal"] == 0
        assert loop.run_until_complete(request(app, "/ping"))[0] == 200
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()
