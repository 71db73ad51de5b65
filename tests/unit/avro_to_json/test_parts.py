"""Settings, dead-letter headers and health: what they accept, keep and say."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from avro_to_json import dead_letters
from avro_to_json.health import Health
from avro_to_json.metrics import Metrics
from avro_to_json.settings import Settings
from clickstream_service.health_server import HealthServer
from clickstream_service.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_defaults_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVRO_TO_JSON_LOG_LEVEL", "INFO")
    assert Settings.load().output_topic == "tracking-json"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DELIVERY", "at-most-once"),
        ("BATCH_MAX_RECORDS", "0"),
        ("HTTP_PORT", "99999"),
        ("INPUT_TOPIC", "bad name"),
        ("OUTPUT_TOPIC", "tracking-avro"),
        ("FRAMING", "confluent"),
        ("TYPO", "1"),
    ],
)
def test_a_mistake_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AVRO_TO_JSON_{name}", value)
    with pytest.raises(SettingsError, match="AVRO_TO_JSON_"):
        Settings.load()


def test_mistakes_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PORT", "BATCH_MAX_RECORDS", "TYPO"):
        monkeypatch.setenv(f"AVRO_TO_JSON_{name}", "-1")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert all(name in str(caught.value) for name in ("HTTP_PORT", "BATCH_MAX_RECORDS", "TYPO"))


def test_client_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVRO_TO_JSON_KAFKA_PROPERTIES", '{"sasl.password": "hush"}')
    assert "hush" not in json.dumps(Settings.load().shown())


def test_confluent_framing_needs_one_id_or_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVRO_TO_JSON_FRAMING", "confluent")
    monkeypatch.setenv("AVRO_TO_JSON_SCHEMA_ID", "7")
    assert Settings.load().schema_id == 7


ORIGIN = dead_letters.Origin(dead_letters.STAGE, "tracking-avro", 3, 42, "not a record: ö")


@pytest.mark.parametrize("own", [None, [], [("trace", b"1"), ("trace", None), ("x", b"\xff")]])
def test_a_dead_letter_gives_back_its_own_headers_and_its_origin(own: dead_letters.Headers | None) -> None:
    assert dead_letters.unmark(dead_letters.mark(own, ORIGIN)) == (own or [], ORIGIN)


def test_a_letter_without_its_record_says_how_large_that_was() -> None:
    marked = dead_letters.mark(None, dataclasses.replace(ORIGIN, left_out=9_000_000))
    assert dead_letters.unmark(marked) == ([], dataclasses.replace(ORIGIN, left_out=9_000_000))


@pytest.mark.parametrize("headers", [None, [], [("dead.topic", b"t")], [("dead.offset", b"x")]])
def test_what_is_not_marked_in_full_is_no_dead_letter(headers: dead_letters.Headers | None) -> None:
    assert dead_letters.unmark(headers)[1] is None


@pytest.fixture
def settings() -> Settings:
    return Settings(ready_max_lag=10, stalled_after_ms=60_000, http_port=0)


class TestHealth:
    """Ready when assigned and caught up; live while the loop turns."""

    def test_ready_means_assigned_measured_and_caught_up(self, settings: Settings) -> None:
        health = Health(settings)
        assert health.ready() == "starting"
        health.assigned([0, 1])
        assert "not known yet" in str(health.ready())
        health.measure({0: 10, 1: 11})
        assert "behind by more than 10" in str(health.ready())
        health.measure({1: 0})
        assert health.ready() is None
        health.block("rebalancing")
        assert health.ready() == "rebalancing"

    def test_a_spare_replica_without_partitions_is_ready(self, settings: Settings) -> None:
        health = Health(settings)
        health.assigned([])
        assert health.ready() is None

    def test_a_loop_that_stands_still_is_not_live(self, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        health = Health(settings)
        health.assigned([])
        now = health._beat
        monkeypatch.setattr("time.monotonic", lambda: now + 61)
        assert "not turned for 61 s" in str(health.live())
        assert health.ready() == health.live()
        health.beat()
        assert health.live() is None

    @pytest.fixture
    def address(self, settings: Settings) -> Iterator[str]:
        self.health = Health(settings)
        server = HealthServer("avro-to-json", ("127.0.0.1", 0), self.health, Metrics().registry)
        yield f"http://127.0.0.1:{server.port}"
        server.close()

    def get(self, url: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_http_answers_as_the_state_is(self, address: str) -> None:
        assert self.get(f"{address}/live")[0] == 200
        status, body = self.get(f"{address}/ready")
        assert (status, json.loads(body)["reason"]) == (503, "starting")
        self.health.assigned([])
        assert self.get(f"{address}/ready")[0] == 200
        assert "avro_to_json_records_in_total 0.0" in self.get(f"{address}/metrics")[1]
        assert self.get(f"{address}/nothing")[0] == 404
