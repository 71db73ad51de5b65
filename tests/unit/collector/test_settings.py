"""Settings that no other test of the collector turns: each has the effect that docs/collector.md promises."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from clickstream_service import logs
from collector.enrich.duplicates import WAYS, DuplicateMemory
from collector.model.event import Event
from collector.settings import Settings

from tests.support.async_waiting import until
from tests.support.service_logs import restored_logging
from tests.unit.collector.conftest import ROOT
from tests.unit.collector.sample_events import EVENT, JSON_BODY, batch, beacon
from tests.unit.collector.support import delivered, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

HERE = ROOT / "tests" / "unit" / "collector"


def test_every_setting_is_documented_with_its_default() -> None:
    table = (ROOT / "docs" / "collector.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    documented: dict[str, str] = {}
    for row in re.findall(r"^\| ([A-Z_, ]+) \| ([^|]*) \|", table, re.MULTILINE):
        names, values = row[0].split(", "), row[1].strip().split(", ")
        documented |= dict(zip(names, values if len(values) == len(names) else [row[1]] * len(names), strict=True))
    assert set(documented) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        shown = documented[name.upper()]
        if isinstance(field.default, bool):
            assert shown == str(field.default).lower(), name
        elif isinstance(field.default, int | float) and shown.isdigit():
            assert float(shown) == field.default, name
        elif isinstance(field.default, str):
            assert shown == field.default, name


def test_every_setting_is_turned_by_a_test() -> None:
    process, services = ROOT / "tests" / "support" / "collector_process.py", ROOT / "tests" / "services"
    files = [*HERE.glob("test_*.py"), services / "test_collector_kafka.py", process]
    text = "".join(file.read_text() for file in files)
    untested = [
        name for name in Settings.model_fields if not re.search(rf"\b({name}|{name.upper()})\b\W", text, re.ASCII)
    ]
    assert untested == []


def test_an_empty_variable_is_the_default_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOPIC", "PORT", "SPOOL_DIRECTORY", "CONFLUENT_SCHEMA_ID", "BATCH_SUFFIX", "JSON_PATH"):
        monkeypatch.setenv(f"COLLECTOR_{name}", "")
    settings = Settings.load()
    assert (settings.topic, settings.port, settings.spool_directory) == ("tracking-avro", 8290, None)
    assert (settings.confluent_schema_id, settings.batch_path, settings.json_path) == (None, "", "")


def test_client_settings_reach_the_producer(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, kafka_linger_ms=7, kafka_compression="zstd", kafka_client_id="me")
    config = settings.kafka_config()
    assert (config["linger.ms"], config["compression.type"], config["client.id"]) == (7, "zstd", "me")


async def test_the_party_parameter_of_the_json_source_can_be_renamed(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, json_party_parameter="visitor")) as app:
        statuses = [
            (await request(app, f"/json-event?{name}=0:1:a", "POST", JSON_BODY, Content_Type="application/json"))[0]
            for name in ("visitor", "p")
        ]
    assert statuses == [204, 400]


@pytest.mark.parametrize(
    ("changes", "target", "body", "status", "counted"),
    [
        pytest.param({"url_bytes": 500}, "/csc-event?" + "a" * 500, None, 414, {"url_too_long": 1}, id="url"),
        pytest.param({"head_bytes": 600}, "/csc-event?" + "a" * 600, None, 431, {"head_too_large": 1}, id="head"),
        ({"json_bytes": 10}, "/json-event?p=0:1:a", JSON_BODY, 413, {"body_too_large": 1}),
        ({"batch_bytes": 10}, "/csc-batch", batch(EVENT), 413, {"body_too_large": 1}),
        ({"batch_events": 1}, "/csc-batch", batch(EVENT, EVENT), 413, {"batch_too_large": 2}),
    ],
)
async def test_sizes_are_limited_and_what_is_refused_is_counted(
    tmp_path: Path, changes: dict[str, int], target: str, body: bytes | None, status: int, counted: dict[str, int]
) -> None:
    async with running(make_settings(tmp_path, **changes)) as app:
        method = "GET" if body is None else "POST"
        assert (await request(app, target, method, body, Content_Type="application/json"))[0] == status
        metrics = (await request(app, "/metrics"))[2].decode()
    rejected = re.findall(r'^collector_rejected_total\{reason="(\w+)"\} (\d+)', metrics, re.MULTILINE)
    assert {reason: int(count) for reason, count in rejected} == counted


async def test_a_record_that_is_too_large_is_a_dead_letter(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, event_bytes=300)) as app:
        large = {**EVENT, "u": {"text": "x" * 300}}
        status, _, answer = await request(app, "/csc-batch", "POST", batch(EVENT, large), Content_Type="text/plain")
        result = json.loads(answer)
        assert (status, result["accepted"]) == (200, [EVENT["e"]])
        assert "COLLECTOR_EVENT_BYTES allows 300" in result["rejected"][0]["reason"]
        (message,) = delivered(app, "tracking-dead", 1)
    assert json.loads(message.value() or b"") == {"events": [large]}


async def test_a_client_that_does_not_take_its_answers_is_cut_off(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, write_timeout=0.2)) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.server.port, limit=2**10)
        # Until the kernel's buffers are full of answers that nobody reads.
        for _ in range(400):
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n" * 20)
            await asyncio.sleep(0)
            if any(connection.writing_since for connection in app.server._connections):
                break
        assert any(connection.writing_since for connection in app.server._connections)
        await asyncio.sleep(0.3)
        app.server.expire()
        await until(lambda: app.server.open_connections == 0, seconds=10)
        assert app.server.refusals["slow_reader"] == 1
        assert (await request(app, "/ping"))[0] == 200
        reader.feed_eof()
        writer.close()


def test_duplicate_slots_set_the_size_and_window_zero_switches_off(tmp_path: Path) -> None:
    DuplicateMemory(5000, 60, tmp_path / "file").close()
    assert (tmp_path / "file").stat().st_size == 8192 // WAYS * WAYS * 8
    assert make_settings(tmp_path, duplicate_slots=5000).duplicate_slots == 5000


async def test_without_a_window_nothing_is_called_a_duplicate(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, duplicate_window_seconds=0)) as app:
        assert app.duplicates is None
        assert [(await request(app, beacon("same")))[0] for _ in range(2)] == [200, 200]
        assert app.metrics.flagged["duplicate"] == 0


async def test_spool_segments_have_the_chosen_size(tmp_path: Path) -> None:
    kafka = tmp_path / "nowhere.properties"
    kafka.write_text("bootstrap.servers=127.0.0.1:9\n")
    changes: dict[str, Any] = {"kafka_config_file": kafka, "kafka_timeout_ms": 200, "spool_segment_bytes": 4096}
    async with running(make_settings(tmp_path, spool_directory=tmp_path / "spool", **changes)) as app:
        for number in range(30):
            assert (await request(app, beacon(f"e{number}")))[0] == 200
    assert len(list((tmp_path / "spool").rglob("*.log"))) > 2


@pytest.mark.parametrize(("timeout", "same"), [(3600, True), (60, False)])
async def test_session_timeout_ends_cookieless_visits(tmp_path: Path, timeout: int, *, same: bool) -> None:
    settings = make_settings(tmp_path, cookieless=True, session_timeout=timeout)
    async with running(settings) as app:

        def session_at(minute: int) -> str | None:
            event = Event("browser", 1_770_000_000_000 + minute * 60_000)
            app.enricher.enrich(event, app.enricher.visitor("203.0.113.7", {}))
            return event.session_id

        assert (session_at(0) == session_at(10)) is same


async def test_a_cookieless_beacon_needs_no_identifiers(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, cookieless=True)) as app:
        assert (await request(app, "/csc-event?v=1&e=2&c=1&n=t&f=t"))[0] == 200
        (message,) = delivered(app, "tracking-avro", 1)
        assert re.fullmatch(rb"0:[0-9a-z]+:[\w-]+", message.key() or b"")


def test_logs_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    with restored_logging():
        for level in ("warning", "info"):
            logs.configure(Settings(log_level=level).log_level)
            structlog.get_logger("collector.test").info("hello", events=3)
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["event"], found["level"], found["events"]) == ("hello", "info", 3)


async def test_head_of_an_answer_is_whole(tmp_path: Path) -> None:
    """What a proxy needs of every answer: a length, a date, nothing about the server."""
    async with running(make_settings(tmp_path)) as app:
        for target in ("/ping", "/metrics", "/nothing", beacon("x")):
            status, headers, body = await request(app, target)
            assert (int(headers["content-length"]), "server" in headers) == (len(body), False), (status, target)
            assert headers["date"].endswith("GMT")
