"""What no record can be made of: one dead letter for each request, and a reason that repeats nothing of the input."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import fastavro
import pytest
from collector.dead_letters import MAX_BYTES
from structlog.testing import capture_logs

from tests.unit.collector.sample_events import EVENT, JSON_BODY, batch, beacon, record
from tests.unit.collector.support import (
    SCHEMA,
    all_of,
    delivered,
    exchange,
    headers_of,
    make_settings,
    parse,
    request,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

    from collector.app import App

NOTICES = {"dead_letter_notice_topic": "tracking-dead-notices"}
NOTICE_SCHEMA: Any = json.loads((SCHEMA.parent / "dead_letter.avsc").read_text())


async def post(app: App, body: bytes) -> tuple[int, Any]:
    status, _, answer = await request(app, "/csc-batch", "POST", body, Content_Type="text/plain")
    return status, json.loads(answer)


@pytest.mark.parametrize("body", [b'{"events":[' + b"1," * 999 + b"1]}", batch(*[{"p": "x", "e": None}] * 1000)])
async def test_a_batch_of_nonsense_is_one_dead_letter_and_one_notice(tmp_path: Path, body: bytes) -> None:
    async with running(make_settings(tmp_path, **NOTICES)) as app:
        status, answer = await post(app, body)
        assert (status, answer["accepted"]) == (200, [])
        assert [item["index"] for item in answer["rejected"]] == list(range(1000))
        (letter,) = all_of(app, "tracking-dead")
        (notice,) = all_of(app, "tracking-dead-notices")
        assert (app.metrics.received["batch"], app.metrics.dead["batch"], app.metrics.acknowledged) == (
            1000,
            1000,
            1000,
        )
    assert letter.value() == body
    headers = headers_of(letter)
    assert headers["reason"] == answer["rejected"][0]["reason"]
    assert headers["events"] == "1000"
    assert json.loads(headers["rejected"]) == [{"reason": headers["reason"], "indexes": list(range(1000))}]
    given = json.loads(notice.value() or b"")
    assert fastavro.validate(given, NOTICE_SCHEMA)
    assert (given["reason"], given["events"], given["bytes"]) == (headers["reason"], 1000, len(body))


async def test_rejected_events_of_a_batch_are_a_batch_that_can_be_sent_again(tmp_path: Path) -> None:
    wrong: list[Any] = [
        {**EVENT, "p": "x"},
        5,
        {**EVENT, "e": None},
        {**EVENT, "p": "y", "u": {"id": 2**70, "text": "ü"}},
    ]
    body = batch(EVENT, wrong[0], wrong[1], {**EVENT, "e": "second"}, wrong[2], wrong[3])
    async with running(make_settings(tmp_path, **NOTICES)) as app:
        status, answer = await post(app, body)
        assert (status, answer["accepted"]) == (200, ["0:v0", "second"])
        assert [item["index"] for item in answer["rejected"]] == [1, 2, 4, 5]
        (letter,) = all_of(app, "tracking-dead")
        (notice,) = all_of(app, "tracking-dead-notices")
        assert (app.metrics.accepted, app.metrics.dead["batch"]) == (2, 4)
        kept = letter.value() or b""
        assert json.loads(kept)["events"][:3] == wrong[:3]
        again, second = await post(app, kept)
        assert (again, [item["reason"] for item in second["rejected"]]) == (
            200,
            [item["reason"] for item in answer["rejected"]],
        )
    headers = headers_of(letter)
    assert (
        headers["reason"] == "the parameter 'p' is not an identifier of the form 0:<base-36 ms>:<id>, and other reasons"
    )
    listed = {item["reason"]: item["indexes"] for item in json.loads(headers["rejected"])}
    assert sorted(listed.values()) == [[1, 5], [2], [4]]
    assert {index: reason for reason, indexes in listed.items() for index in indexes} == {
        item["index"]: item["reason"] for item in answer["rejected"]
    }
    assert json.loads(notice.value() or b"")["events"] == 4


async def test_a_dead_letter_of_the_json_source_can_be_sent_again(tmp_path: Path) -> None:
    """Its party is not in the body."""
    body = JSON_BODY.replace(b"0:1:b", b"x")
    async with running(make_settings(tmp_path)) as app:
        await request(app, "/json-event?p=0:1:a", "POST", body, Content_Type="application/json")
        (letter,) = all_of(app, "tracking-dead")
    headers = headers_of(letter)
    assert (headers["path"], headers["query"], letter.value()) == ("/json-event", "p=0:1:a", body)


async def test_many_reasons_fit_into_the_headers_of_a_letter(tmp_path: Path) -> None:
    events = [{**EVENT, "e": f"e{number}", "u": "x" * (300 + number)} for number in range(500)]
    async with running(make_settings(tmp_path, event_bytes=300, batch_bytes=2**20)) as app:
        _, answer = await post(app, batch(*events))
        (letter,) = all_of(app, "tracking-dead")
    assert len(answer["rejected"]) == 500
    assert len(headers_of(letter)["rejected"]) < 10_000


async def test_a_body_that_kafka_would_refuse_is_kept_in_part(tmp_path: Path) -> None:
    body = b"not JSON" * 200_000
    async with running(make_settings(tmp_path, batch_bytes=2**21)) as app:
        status, _, _ = await request(app, "/csc-batch", "POST", body, Content_Type="text/plain")
        assert status == 400
        (letter,) = all_of(app, "tracking-dead")
    assert letter.value() == body[:MAX_BYTES]
    assert headers_of(letter)["left_out"] == str(len(body) - MAX_BYTES)


SECRET = "s3cr3t"
REVEALING = [
    ("/csc-batch", batch({**EVENT, "p": SECRET})),
    ("/csc-batch", batch({**EVENT, SECRET: 1, "c": SECRET})),
    ("/csc-batch", batch({**EVENT, "n": SECRET})),
    ("/csc-batch", batch({**EVENT, "u": SECRET * 100})),
    ("/csc-batch", SECRET.encode()),
    ("/csc-batch", b'{"events": [' + SECRET.encode()),
    ("/json-event?p=0:1:a", SECRET.encode()),
    ("/json-event?p=" + SECRET, JSON_BODY),
    ("/json-event?p=0:1:a", JSON_BODY.replace(b"event_type", SECRET.encode())),
    ("/json-event?p=0:1:a", JSON_BODY.replace(b"true", b'"%s"' % SECRET.encode())),
    ("/json-event?p=0:1:a", JSON_BODY.replace(b"2026-01-31", SECRET.encode())),
    ("/json-event?p=0:1:a", JSON_BODY.replace(b"0:1:b", SECRET.encode())),
    ("/json-event?p=0:1:a", JSON_BODY.replace(b'{"a":1}', b'"\\xff%s"' % SECRET.encode())),
    (f"/csc-event?p={SECRET}&s=0:1:a&v=1&e=2&c=1&n=t&f=t", None),
    (f"/csc-event?p=0:1:a&s=0:1:a&v=1&e=2&c={SECRET}!&n=t&f=t", None),
    (f"/csc-event?{SECRET}", None),
]


@pytest.mark.parametrize(("target", "body"), REVEALING)
async def test_reasons_repeat_nothing_of_what_was_sent(tmp_path: Path, target: str, body: bytes | None) -> None:
    async with running(make_settings(tmp_path, event_bytes=400, **NOTICES)) as app:
        method = "GET" if body is None else "POST"
        _, _, answer = await request(app, target, method, body, Content_Type="application/json")
        (letter,) = all_of(app, "tracking-dead")
        (notice,) = all_of(app, "tracking-dead-notices")
    for text in (answer.decode("latin-1"), (notice.value() or b"").decode(), headers_of(letter)["reason"]):
        assert SECRET not in text


def fail_with(error: Exception) -> Any:
    def fail(_event: object) -> NoReturn:
        raise error

    return fail


async def test_an_event_that_the_collector_fails_on_is_a_dead_letter_and_can_be_sent_again(
    tmp_path: Path,
) -> None:
    async with running(make_settings(tmp_path)) as app:
        good = app.collector._encode
        app.collector._encode = fail_with(TypeError("what the visitor sent"))
        json_body = JSON_BODY.replace(b'"e"', b'"j"')
        with capture_logs() as logged:
            assert (await request(app, beacon("g")))[0] == 200
            status, _, answer = await request(
                app, "/json-event?p=0:1:a", "POST", json_body, Content_Type="application/json"
            )
            assert (status, answer) == (400, b"the collector failed on this event: TypeError")
            assert (await post(app, batch(EVENT)))[1]["rejected"][0]["index"] == 0
        letters = all_of(app, "tracking-dead")
        assert {headers_of(letter)["reason"] for letter in letters} == {"the collector failed on this event: TypeError"}
        assert {letter.value() for letter in letters} >= {json_body, batch(EVENT)}
        assert len(letters) == 3
        app.collector._encode = good
        await request(app, beacon("g"))
        await request(app, "/json-event?p=0:1:a", "POST", json_body, Content_Type="application/json")
        await post(app, batch(EVENT))
        records = [record(message) for message in delivered(app, "tracking-avro", 3)]
    assert {found["event_id"]: found["is_duplicate"] for found in records} == {"g": False, "j": False, "0:v0": False}
    (line,) = logged
    assert (line["error"], "visitor" in str(line)) == ("TypeError", False)


async def test_a_request_whose_visitor_cannot_be_found_out_is_a_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(make_settings(tmp_path)) as app:
        monkeypatch.setattr(app.enricher, "geo", SimpleNamespace(place_of=fail_with(KeyError("x"))))
        body = batch(EVENT, {**EVENT, "e": "second"})
        status, answer = await post(app, body)
        assert (status, len(answer["rejected"])) == (200, 2)
        (letter,) = all_of(app, "tracking-dead")
    assert letter.value() == body


@pytest.mark.parametrize("error", [OSError("the disk is full"), MemoryError(), ModuleNotFoundError("no module")])
async def test_a_fault_outside_of_the_event_is_answered_by_try_again(tmp_path: Path, error: Exception) -> None:
    async with running(make_settings(tmp_path)) as app:
        good = app.collector._encode
        app.collector._encode = fail_with(error)
        status, headers, _ = await request(app, beacon("g"))
        assert (status, "retry-after" in headers) == (503, True)
        assert (await request(app, "/csc-batch", "POST", batch(EVENT), Content_Type="text/plain"))[0] == 503
        assert (app.metrics.dead.total(), app.metrics.rejected["internal"]) == (0, 2)
        app.collector._encode = good
        await request(app, beacon("g"))
        await post(app, batch(EVENT))
        assert [record(message)["is_duplicate"] for message in delivered(app, "tracking-avro", 2)] == [False, False]


@pytest.mark.parametrize("levels", [100, 300, 900, 1010, 3000])
async def test_parameters_of_many_levels_do_not_refuse_the_event(tmp_path: Path, levels: int) -> None:
    body = batch(EVENT).replace(b'"w"', b'"u":{"deep":' + b"[" * levels + b"]" * levels + b'},"w"')
    async with running(make_settings(tmp_path)) as app:
        assert (await post(app, body))[1]["accepted"] == [EVENT["e"]]
        (message,) = delivered(app, "tracking-avro", 1)
    assert record(message)["event_id"] == EVENT["e"]


async def test_base64_fills_a_field_of_bytes(tmp_path: Path) -> None:
    """Every event with the parameter used to get 503, on each retry too."""
    fields = [{"name": "x", "type": ["null", "bytes"], "default": None}]
    schema, mapping = tmp_path / "schema.avsc", tmp_path / "mapping.toml"
    schema.write_text(json.dumps({"type": "record", "name": "T", "fields": fields}))
    mapping.write_text('[fields]\nx = { parameter = "x" }')
    async with running(make_settings(tmp_path, schema_file=schema, mapping_file=mapping)) as app:
        for value in ("SGVsbG8=", 5, ["a"]):
            status, answer = await post(app, batch({**EVENT, "u": {"x": value}}))
            assert (status, answer["accepted"]) == (200, [EVENT["e"]])
        values = [message.value() for message in delivered(app, "tracking-avro", 3)]
    assert sorted(map(bytes, values)) == [b"\0", b"\0", b"\2\nHello"]  # type: ignore[arg-type]


async def test_several_cookie_headers_are_one(tmp_path: Path) -> None:
    schema, mapping = tmp_path / "schema.avsc", tmp_path / "mapping.toml"
    schema.write_text(
        json.dumps(
            {"type": "record", "name": "T", "fields": [{"name": "c", "type": ["null", "string"], "default": None}]}
        )
    )
    mapping.write_text('[fields]\nc = { cookie = "c" }')
    async with running(make_settings(tmp_path, schema_file=schema, mapping_file=mapping)) as app:
        for number, cookies in enumerate((("a=0", "c=2"), ("c=1", "c=2"), ("c=x; d=3", "e=4"))):
            lines = "".join(f"Cookie: {cookie}\r\n" for cookie in cookies)
            data = f"GET {beacon(f'e{number}')} HTTP/1.1\r\nHost: t\r\n{lines}\r\n"
            assert parse(await exchange(app, data.encode()))[0] == 200
        values = [message.value() for message in delivered(app, "tracking-avro", 3)]
    assert sorted(map(bytes, values)) == [b"\2\2" + value for value in (b"1", b"2", b"x")]  # type: ignore[arg-type]
