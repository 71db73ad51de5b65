"""Tracker, edge, collector and converter agree on what a stack chooses about tracking."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from infra.config import ConfigError, StackConfig
from infra.config.environment import environment
from infra.config.tracking import TrackingConfig
from infra.paths import SERVICES
from infra.pipeline.avro_to_json import avro_to_json_spec
from infra.pipeline.collector import IN_OTHER_UNITS, NOT_THE_COLLECTORS, collector_spec
from infra.pipeline.website import website_spec
from infra.platform.edge import edge_spec
from tests.support.stack_config import raw_config

sys.path += [str(SERVICES / name) for name in ("common", "collector", "avro_to_json")]
from avro_to_json.settings import Settings as ConverterSettings
from collector.model.campaign import CAMPAIGN_PARAMETERS
from collector.settings import Settings


def stack(**changes: Any) -> StackConfig:
    return StackConfig.parse("test", raw_config(**changes))


def collector_settings(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Settings:
    """The settings that the collector reads from the service's environment."""
    for name, value in collector_spec(stack(**changes)).env.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_all_parts_use_the_chosen_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "collectorPrefix": "/c/",
        "collectorEventSuffix": "e",
        "collectorBatchSuffix": "b",
        "collectorJsonPath": "/c/j",
        "trackerScript": "t.js",
        "partyCookie": "who",
        "sessionCookie": "visit",
        "cookieDomain": ".shop.example",
    }
    settings = collector_settings(monkeypatch, **names)
    assert (settings.event_path, settings.batch_path, settings.json_path) == ("/c/e", "/c/b", "/c/j")
    assert settings.readable_cookies == ("who", "visit")
    assert edge_spec(stack(**names), pages=()).env["EDGE_COLLECTOR_PATHS"] == "/c/e /c/b /c/j /c/openapi.json"
    website = website_spec(stack(**names)).env
    assert (website["TRACKER_PATH"], website["COLLECTOR_PREFIX"]) == ("/c/t.js", "/c/")
    assert (website["COLLECTOR_EVENT_SUFFIX"], website["COLLECTOR_BATCH_SUFFIX"]) == ("e", "b")
    assert (website["PARTY_COOKIE"], website["SESSION_COOKIE"], website["COOKIE_DOMAIN"]) == (
        "who",
        "visit",
        ".shop.example",
    )


def test_endpoints_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    off = {"collectorBatchSuffix": "", "collectorJsonPath": ""}
    settings = collector_settings(monkeypatch, **off)
    assert (settings.batch_path, settings.json_path) == ("", "")
    assert edge_spec(stack(**off), pages=()).env["EDGE_COLLECTOR_PATHS"] == "/csc-event /openapi.json"


def test_defaults_are_durable_raw_and_follow_the_browsers_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = collector_settings(monkeypatch)
    assert (settings.acknowledge, settings.confluent_schema_id, settings.privacy_signals) == ("durable", None, "drop")
    assert (settings.ip_storage, settings.cookieless, settings.consent_parameter) == ("truncated", False, None)
    assert (settings.duplicate_window_seconds, settings.spool_max_bytes) == (86_400, 2048 * 1024 * 1024)
    assert settings.url_parameters == CAMPAIGN_PARAMETERS == Settings.model_fields["url_parameters"].default
    assert website_spec(stack()).env["TRACKER_OPTIONS"] == ""
    assert collector_spec(stack()).secrets == {}


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("acknowledge", "first", "acknowledge", "first"),
        ("confluentSchemaId", 7, "confluent_schema_id", 7),
        ("duplicateWindowHours", 0, "duplicate_window_seconds", 0),
        ("collectorSpoolMiB", 64, "spool_max_bytes", 64 * 1024 * 1024),
        ("botSignals", 3, "bot_signals", 3),
        ("privacySignals", "anonymise", "privacy_signals", "anonymise"),
        ("ipStorage", "full", "ip_storage", "full"),
        ("urlParameters", ["utm_source", "q"], "url_parameters", ("utm_source", "q")),
        ("urlParameters", ["*"], "url_parameters", ("*",)),
        ("urlParameters", [], "url_parameters", ()),
        ("consentParameter", "consent", "consent_parameter", "consent"),
        ("withoutConsent", "drop", "without_consent", "drop"),
        ("allowedOrigins", [], "allowed_origins", ()),
        ("ignoredReferrers", [], "ignored_referrers", ()),
        ("ignoredReferrers", ["pay.example.com"], "ignored_referrers", ("pay.example.com",)),
        (
            "allowedOrigins",
            ["https://shop.example.com", "http://localhost:3000", "http://[::1]:3000"],
            "allowed_origins",
            ("https://shop.example.com", "http://localhost:3000", "http://[::1]:3000"),
        ),
    ],
)
def test_a_choice_reaches_the_collector(
    monkeypatch: pytest.MonkeyPatch, key: str, value: object, field: str, expected: object
) -> None:
    assert getattr(collector_settings(monkeypatch, **{key: value}), field) == expected


def test_every_setting_of_tracking_is_one_of_the_collectors_or_said_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {name.removeprefix("collector_") for name in TrackingConfig.model_fields}
    left_out = {name.removeprefix("collector_") for name in (*NOT_THE_COLLECTORS, *IN_OTHER_UNITS)}
    assert own - left_out <= Settings.model_fields.keys()
    assert not set(NOT_THE_COLLECTORS) & Settings.model_fields.keys()
    assert collector_settings(monkeypatch), "the collector refuses variables that it does not know"


def test_a_field_that_no_section_has_is_an_error() -> None:
    with pytest.raises(KeyError, match="TrackingConfig has no field colour"):
        environment("collector", stack().tracking, only=["colour"])


def test_the_collector_makes_everything_durable_within_its_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = collector_settings(monkeypatch)
    until_confirmed = settings.kafka_timeout_ms / 1000 + 1
    slowest = max(settings.shutdown_delay, until_confirmed) + settings.shutdown_timeout + until_confirmed
    assert collector_spec(stack()).stop_grace_period >= slowest + 5, "five seconds are for the disk"


def test_a_collector_that_can_store_nothing_is_not_restarted_for_it() -> None:
    assert "GET /live" in " ".join(collector_spec(stack()).healthcheck.command)


def test_the_converter_reads_the_framing_that_the_collector_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    for changes, expected in (({}, ("raw", None)), ({"confluentSchemaId": 7}, ("confluent", 7))):
        for name, value in avro_to_json_spec(stack(**changes)).env.items():
            monkeypatch.setenv(name, value)
        settings = ConverterSettings.load()
        assert (settings.framing, settings.schema_id) == expected


def test_cookieless_tracking_shares_a_secret_and_routes_by_address() -> None:
    cookieless = stack(cookieless=True)
    spec = collector_spec(cookieless)
    secret_file = spec.env["COLLECTOR_COOKIELESS_SECRET_FILE"]
    assert [f"/run/secrets/{name}" for name in spec.secrets] == [secret_file]
    assert edge_spec(cookieless, pages=()).env["EDGE_COLLECTOR_AFFINITY"] == "address"
    assert website_spec(cookieless).env["TRACKER_OPTIONS"] == "cookieless"


@pytest.mark.parametrize("policy", ["none", "hashed", "plain"])
def test_only_hashing_user_ids_takes_a_secret(monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    spec = collector_spec(stack(userIds=policy))
    secrets = [f"/run/secrets/{name}" for name in spec.secrets]
    assert secrets == ([spec.env["COLLECTOR_USER_ID_SECRET_FILE"]] if policy == "hashed" else [])
    assert collector_settings(monkeypatch, userIds=policy).user_ids == policy
    assert website_spec(stack(userIds=policy)).env["USER_IDS"] == policy


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"privacySignals": "anonymise", "ipStorage": "none"}, "ignore-gpc"),
        ({"privacySignals": "ignore", "consentRequired": True}, "consent ignore-gpc"),
    ],
)
def test_the_tracker_sends_what_the_collector_is_to_judge(changes: dict[str, Any], options: str) -> None:
    website = website_spec(stack(**changes)).env
    assert website["TRACKER_OPTIONS"] == options
    said = (website["PRIVACY_SIGNALS"], website["IP_STORAGE"])
    assert said == (changes["privacySignals"], changes.get("ipStorage", "truncated")), (
        "the privacy page says what is done"
    )


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"collectorBatchSuffix": "csc-event"}, "collectorEventSuffix, collectorBatchSuffix"),
        ({"collectorJsonPath": "/csc-event"}, "collectorJsonPath"),
        ({"partyCookie": "_dvs"}, "partyCookie"),
        ({"serverCookies": "true", "cookieless": "true"}, "serverCookies and cookieless"),
        ({"sessionCookie": "_dvq"}, "sessionCookie"),
        ({"partyCookie": "_dvu"}, "partyCookie"),
        ({"userIds": "hashed", "cookieless": "true"}, "userIds is hashed and cookieless is true"),
        ({"userIds": "yes"}, "userIds"),
    ],
)
def test_names_that_collide_stop_the_preview(changes: dict[str, Any], keys: str) -> None:
    with pytest.raises(ConfigError, match=keys):
        stack(**changes)
