"""Addresses, places, user agents, bots, duplicates, privacy, settings."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import pytest
from clickstream_service.settings import SettingsError
from collector.enrich.address import ClientAddresses
from collector.enrich.agent_lists import agent_lists
from collector.enrich.bots import header_classes
from collector.enrich.countries import country_of, region_code_of
from collector.enrich.duplicates import DuplicateMemory
from collector.enrich.enricher import Enricher
from collector.enrich.geo import GeoDatabase
from collector.enrich.privacy import DailySalt, truncate_address
from collector.enrich.user_agent import Agents
from collector.model.cache import BoundedCache
from collector.model.event import Event
from collector.model.place import NOWHERE
from collector.settings import Settings
from hypothesis import given
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from tests.unit.collector.support import make_settings

if TYPE_CHECKING:
    from pathlib import Path

CHROME = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
GOOGLEBOT = b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
TABLET = b"Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"
IPHONE = (
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/18.1 Mobile/15E148 Safari/604.1"
)
DBIP = {
    "city": "Stockholm (Norrmalm)",
    "country_code": "SE",
    "state1": "Stockholm",
    "postcode": "",
    "latitude": 59.342,
    "longitude": 18.06,
    "state2": "",
    "timezone": "",
}
MAXMIND = {
    "city": {"geoname_id": 1, "names": {"en": "London", "de": "London!"}},
    "continent": {"code": "EU", "names": {"en": "Europe"}},
    "country": {"iso_code": "GB", "names": {"en": "United Kingdom"}},
    "postal": {"code": "OX1"},
    "subdivisions": [
        {"iso_code": "ENG", "names": {"en": "England"}},
        {"iso_code": "OXF", "names": {"en": "Oxfordshire"}},
    ],
    "location": {"latitude": 51.75, "longitude": -1.25, "time_zone": "Europe/London"},
}


def write_database(path: Path, networks: dict[str, Any], version: int = 4) -> Path:
    writer = MMDBWriter(version, "Test-City", languages=["en"], description="test")
    for network, values in networks.items():
        writer.insert_network(IPSet([network]), values)
    temporary = path.with_suffix(".new")
    writer.to_db_file(str(temporary))
    temporary.replace(path)
    return path


def networks(*given_networks: str) -> list[Any]:
    return [ipaddress.ip_network(network) for network in given_networks]


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "visitor"),
    [
        ([], "10.0.0.2", b"1.2.3.4", "10.0.0.2"),
        (["10.0.0.0/8"], "10.0.0.2", b"1.2.3.4", "1.2.3.4"),
        (["10.0.0.0/8"], "9.9.9.9", b"1.2.3.4", "9.9.9.9"),
        (["10.0.0.0/8"], "10.0.0.2", None, "10.0.0.2"),
        (["10.0.0.0/8"], "10.0.0.2", b"6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (["10.0.0.0/8"], "10.0.0.2", b"6.6.6.6, 1.2.3.4, 10.0.0.9", "1.2.3.4"),
        (["10.0.0.0/8"], "10.0.0.2", b"1.2.3.4, unknown", "10.0.0.2"),
        (["10.0.0.0/8"], "10.0.0.2", b"", "10.0.0.2"),
        (["10.0.0.0/8"], "10.0.0.2", b"1.2.3.4:5678", "1.2.3.4"),
        (["::1/128"], "::1", b"[2001:db8::1]:80", "2001:db8::1"),
        (["10.0.0.0/8"], "10.0.0.2", b"::ffff:1.2.3.4", "1.2.3.4"),
    ],
)
def test_forwarded_address_counts_only_from_trusted_proxies(
    trusted: list[str], peer: str, forwarded: bytes | None, visitor: str
) -> None:
    assert ClientAddresses(networks(*trusted)).visitor(peer, forwarded) == visitor


def test_a_trusted_peers_network_is_not_trusted_in_the_header() -> None:
    addresses = ClientAddresses(networks("203.0.113.0/24"), trusted_peers=networks("10.0.0.0/8"))
    assert addresses.visitor("10.0.0.2", b"6.6.6.6, 10.1.2.3") == "10.1.2.3"
    assert addresses.visitor("10.0.0.2", b"6.6.6.6, 10.1.2.3, 203.0.113.7") == "10.1.2.3"
    assert addresses.visitor("203.0.113.7", b"6.6.6.6, 10.1.2.3") == "10.1.2.3"
    assert addresses.visitor("9.9.9.9", b"6.6.6.6, 10.1.2.3") == "9.9.9.9"


@given(st.binary())
def test_any_forwarded_header_gives_an_address(header: bytes) -> None:
    ipaddress.ip_address(ClientAddresses(networks("10.0.0.0/8")).visitor("10.0.0.2", header))


def test_place_of_dbips_flat_data(tmp_path: Path) -> None:
    geo = GeoDatabase([write_database(tmp_path / "v4.mmdb", {"1.2.3.0/24": DBIP})])
    values = geo.place_of("1.2.3.4").values
    assert values == {
        "city": "Stockholm",
        "country_code": "SE",
        "country_name": "Sweden",
        "region_name": "Stockholm",
        "region_code": "AB",
        "latitude": 59.342,
        "longitude": 18.06,
        "continent_code": "EU",
        "continent_name": "Europe",
        "capital_city": "Stockholm",
        "language_code": "sv",
        "language_name": "Swedish",
        "flag_path": "/flags/se.svg",
    }
    assert geo.place_of("9.9.9.9") is NOWHERE
    assert geo.place_of("::1") is NOWHERE
    assert geo.place_of("::ffff:1.2.3.4").values == values
    assert geo.place_of("not an address") is NOWHERE


def test_place_of_maxminds_nested_data_and_of_country_databases(tmp_path: Path) -> None:
    country = {"country": MAXMIND["country"], "continent": MAXMIND["continent"]}
    path = write_database(tmp_path / "city.mmdb", {"1.2.3.0/24": MAXMIND, "1.2.4.0/24": country})
    values = GeoDatabase([path]).place_of("1.2.3.4").values
    assert (values["city"], values["city_id"], values["region_code"], values["postal_code"]) == (
        "London",
        1,
        "OXF",
        "OX1",
    )
    assert (values["capital_city"], values["time_zone"]) == ("London", "Europe/London")
    assert GeoDatabase([path]).place_of("1.2.4.4").values["country_name"] == "United Kingdom"


def test_private_addresses_are_looked_up_as_the_trial_visitor(tmp_path: Path) -> None:
    geo = GeoDatabase([write_database(tmp_path / "v4.mmdb", {"1.2.3.0/24": DBIP})], "1.2.3.4")
    assert geo.place_of("192.168.0.7").values["country_code"] == "SE"
    assert geo.place_of("::1").values["country_code"] == "SE"
    assert geo.place_of("9.9.9.9") is NOWHERE


def test_replaced_database_is_reloaded_and_a_broken_one_is_not(tmp_path: Path) -> None:
    path = write_database(tmp_path / "v4.mmdb", {"1.2.3.0/24": DBIP})
    geo = GeoDatabase([path])
    assert geo.place_of("1.2.3.4").values["country_code"] == "SE"
    assert geo.reload_changed() is False
    write_database(path, {"1.2.3.0/24": {**DBIP, "country_code": "NO"}})
    assert geo.reload_changed() is True
    assert geo.place_of("1.2.3.4").values["country_code"] == "NO"
    broken = tmp_path / "broken"
    broken.write_bytes(b"no database")
    broken.replace(path)
    assert geo.reload_changed() is False
    assert geo.place_of("1.2.3.4").values["country_code"] == "NO"


def test_hosting_networks_come_from_an_asn_database(tmp_path: Path) -> None:
    asn = {"autonomous_system_number": 14061, "autonomous_system_organization": "DigitalOcean, LLC"}
    geo = GeoDatabase([write_database(tmp_path / "asn.mmdb", {"1.2.3.0/24": asn})])
    assert geo.place_of("1.2.3.4").is_hosting
    assert not geo.place_of("9.9.9.9").is_hosting


@pytest.mark.parametrize(
    ("country", "region", "code"),
    [
        ("FR", "Ile-de-France", "IDF"),
        ("US", "California", "CA"),
        ("GB", "England", "ENG"),
        ("SE", "Stockholm", "AB"),
        ("US", "Nowhere", None),
        ("XX", "A", None),
    ],
)
def test_region_codes(country: str, region: str, code: str | None) -> None:
    assert region_code_of(country, region) == code


@pytest.mark.parametrize("field", ["country", "registered_country"])
def test_a_network_with_only_a_registered_country_is_in_that_country(field: str, tmp_path: Path) -> None:
    record = {field: {"iso_code": "XK", "names": {"en": "Kosovo"}}}
    place = GeoDatabase([write_database(tmp_path / "g.mmdb", {"203.0.113.0/24": record})]).place_of("203.0.113.1")
    found = {name: place.values.get(name) for name in ("country_code", "country_name", "continent_name")}
    assert found == {"country_code": "XK", "country_name": "Kosovo", "continent_name": "Europe"}


def test_country_facts() -> None:
    country = country_of("be")
    assert country is not None
    assert (country.name, country.capital, country.language_name, country.continent_name) == (
        "Belgium",
        "Brussels",
        "Dutch",
        "Europe",
    )
    assert country_of("ZZ") is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({b"user-agent": CHROME}, ("Chrome", 131, "Windows", "desktop")),
        ({b"user-agent": IPHONE}, ("Mobile Safari", 18, "iOS", "mobile")),
        ({b"user-agent": GOOGLEBOT}, ("Googlebot", 2, "Other", "bot")),
        ({b"user-agent": CHROME, b"sec-ch-ua-platform": b'"macOS"'}, ("Chrome", 131, "Mac OS X", "desktop")),
        ({b"user-agent": CHROME, b"sec-ch-ua-mobile": b"?1"}, ("Chrome", 131, "Windows", "mobile")),
        (
            {b"user-agent": TABLET},
            ("Chrome", 131, "Android", "tablet"),
        ),
        ({}, (None, None, None, None)),
    ],
)
def test_user_agents(headers: dict[bytes, bytes], expected: tuple[object, ...]) -> None:
    values = Agents().of(headers, secure=False).values
    names = ("browser_name", "browser_major_version", "os_name", "device_class")
    found = tuple(values.get(name) for name in names)
    assert (
        tuple(
            "Other" if value is None and want == "Other" else value for value, want in zip(found, expected, strict=True)
        )
        == expected
    )


def classes(*, secure: bool = False, **headers: str) -> set[str]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return set(header_classes(given, agent_lists().bot(given.get("user-agent", "")), secure=secure))


def test_bot_signals_of_headers() -> None:
    chrome = CHROME.decode()
    assert classes(user_agent=chrome, accept_language="en") == set()
    assert classes(user_agent=chrome) == {"headers"}
    assert classes(secure=True, user_agent=chrome, accept_language="en") == {"headers"}
    assert (
        classes(secure=True, user_agent=chrome, accept_language="en", sec_fetch_mode="no-cors", sec_ch_ua='"Chrome"')
        == set()
    )
    assert classes(user_agent=GOOGLEBOT.decode()) == {"crawler", "declared", "headers"}
    assert classes(user_agent=chrome.replace("Chrome/", "HeadlessChrome/"), accept_language="en") >= {"automation"}
    assert classes() == {"declared", "headers"}


def enriched(
    tmp_path: Path, headers: dict[bytes, bytes], peer: str = "203.0.113.77", **changes: Any
) -> tuple[Event, str | None]:
    changes.setdefault("geo_databases", str(write_database(tmp_path / "v4.mmdb", {"203.0.113.0/24": DBIP})))
    enricher = Enricher(make_settings(tmp_path, **changes))
    event = Event("browser", 1_770_000_000_000)
    event.party_id, event.session_id, event.event_id, event.page_view_id = "0:1:a", "0:1:b", "0:v0", "0:v"
    return event, enricher.enrich(event, enricher.visitor(peer, headers))


def test_bots_are_marked_by_two_classes_of_signals(tmp_path: Path) -> None:
    human = {b"user-agent": CHROME, b"accept-language": b"en"}
    assert enriched(tmp_path, human)[0].is_bot is False
    assert enriched(tmp_path, {b"user-agent": CHROME})[0].is_bot is False
    assert enriched(tmp_path, {b"user-agent": CHROME}, bot_signals=1)[0].is_bot is True
    assert enriched(tmp_path, {b"user-agent": GOOGLEBOT})[0].is_bot is True


def test_a_desktop_app_made_with_electron_is_a_person_also_behind_a_cloud_vpn(tmp_path: Path) -> None:
    slack = CHROME.replace(b"Chrome/131.0.0.0", b"Slack/4.41.105 Chrome/130.0.6723.118 Electron/33.1.0")
    cypress = CHROME.replace(b"Chrome/131.0.0.0", b"Cypress/13.6.0 Chrome/114.0.5735.289 Electron/25.8.4")
    networks = write_database(
        tmp_path / "asn.mmdb",
        {"203.0.113.0/24": {"autonomous_system_number": 64500, "autonomous_system_organization": "Some Cloud"}},
    )
    found = {}
    for name, agent in (("slack", slack), ("cypress", cypress)):
        headers = {b"user-agent": agent, b"accept-language": b"en"}
        event, _ = enriched(tmp_path, headers, geo_databases=str(networks))
        assert event.place is not None
        assert event.place.is_hosting
        found[name] = event.is_bot
    assert found == {"slack": False, "cypress": True}


@pytest.mark.parametrize("storage", ["full", "truncated", "none"])
def test_an_address_with_a_zone_has_no_place_and_breaks_nothing(tmp_path: Path, storage: str) -> None:
    forwarded = {b"x-forwarded-for": b"fe80::1%eth0"}
    event, _ = enriched(tmp_path, forwarded, "10.0.0.1", trusted_proxies="10.0.0.0/8", ip_storage=storage)
    assert event.place == NOWHERE
    assert event.ip == {"full": "fe80::1%eth0", "truncated": "fe80::", "none": None}[storage]


def test_a_crawler_needs_no_other_signal(tmp_path: Path) -> None:
    crawler = {b"user-agent": GOOGLEBOT, b"accept-language": b"en"}
    for threshold in (2, 4):
        assert enriched(tmp_path, crawler, bot_signals=threshold)[0].is_bot is True
    library = {b"user-agent": b"okhttp/4.12.0", b"accept-language": b"en"}
    assert enriched(tmp_path, library)[0].is_bot is False, "the app of a person"


@pytest.mark.parametrize(("storage", "ip"), [("full", "203.0.113.77"), ("truncated", "203.0.113.0"), ("none", None)])
def test_addresses_are_stored_as_set(tmp_path: Path, storage: str, ip: str | None) -> None:
    event, _ = enriched(tmp_path, {}, ip_storage=storage)
    assert event.ip == ip
    assert event.place is not None
    assert event.place.values["city"] == "Stockholm"


def test_truncated_addresses() -> None:
    assert truncate_address("2001:db8:1:2:3:4:5:6") == "2001:db8:1::"
    assert truncate_address("::ffff:203.0.113.77") == "203.0.113.0"


GPC, DNT = {b"sec-gpc": b"1", b"user-agent": CHROME}, {b"dnt": b"1", b"user-agent": CHROME}


@pytest.mark.parametrize("headers", [GPC, DNT])
def test_privacy_signals(tmp_path: Path, headers: dict[bytes, bytes]) -> None:
    ignored, reason = enriched(tmp_path, headers, privacy_signals="ignore")
    assert (ignored.party_id, reason) == ("0:1:a", None)
    event, reason = enriched(tmp_path, headers, privacy_signals="anonymise")
    assert reason is None
    assert (event.party_id, event.session_id, event.page_view_id, event.ip, event.key) == (None,) * 5
    assert event.event_id != "0:v0"
    assert event.place is not None
    assert "city" not in event.place.values
    assert event.place.values["country_code"] == "SE"
    assert event.agent is not None
    assert "text" not in event.agent.values
    assert event.agent.values["browser_name"] == "Chrome"
    assert enriched(tmp_path, headers)[1] == "privacy_signal", "the default is the one that protects"
    assert enriched(tmp_path, {b"dnt": b"0"}, privacy_signals="drop")[1] is None


@pytest.mark.parametrize(
    ("consent", "default", "without", "expected"),
    [
        (True, "denied", "drop", None),
        (False, "granted", "drop", "no_consent"),
        (None, "granted", "drop", None),
        (None, "denied", "drop", "no_consent"),
    ],
)
def test_consent(tmp_path: Path, *, consent: bool | None, default: str, without: str, expected: str | None) -> None:
    settings = make_settings(tmp_path, consent_parameter="consent", consent_default=default, without_consent=without)
    event = Event("browser", 0)
    event.consent = consent
    enricher = Enricher(settings)
    assert enricher.enrich(event, enricher.visitor("203.0.113.77", {})) == expected


def test_without_consent_events_can_be_anonymised(tmp_path: Path) -> None:
    event, reason = enriched(tmp_path, {}, consent_parameter="consent")
    assert (event.party_id, event.ip, reason) == (None, None, None)


def test_cookieless_ids_hold_for_a_day_and_sessions_end(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef")
    settings = make_settings(tmp_path, cookieless=True, cookieless_secret_file=secret)
    one, other = Enricher(settings), Enricher(settings)
    start = 1_770_000_000_000 - 1_770_000_000_000 % 86_400_000

    def identified(enricher: Enricher, minute: int, address: str = "203.0.113.77") -> Event:
        event = Event("browser", start + minute * 60_000)
        event.event_id = "e"
        enricher.enrich(event, enricher.visitor(address, {b"user-agent": CHROME}))
        return event

    first, second, later, tomorrow = (identified(one, minute) for minute in (0, 20, 80, 24 * 60))
    assert first.party_id == second.party_id == later.party_id != tomorrow.party_id
    assert first.session_id == second.session_id != later.session_id
    assert (first.is_new_party, second.is_new_party, later.is_first_in_session) == (True, False, True)
    assert identified(other, 0).party_id != first.party_id or identified(other, 1).party_id == first.party_id
    assert identified(one, 24 * 60, "203.0.113.78").party_id != tomorrow.party_id


def test_replicas_with_one_secret_agree_on_a_salt_and_random_ones_last_a_day(tmp_path: Path) -> None:
    assert DailySalt(b"x" * 16, None).of(0) == DailySalt(b"x" * 16, None).of(5)
    assert DailySalt(b"x" * 16, None).of(0) != DailySalt(b"x" * 16, None).of(86_400_000)
    file = tmp_path / "salt"
    first = DailySalt(None, file).of(0)
    assert DailySalt(None, file).of(1000) == first
    assert DailySalt(None, file).of(86_400_000) != first
    assert first.hex() not in file.read_text()


def test_duplicates_window_and_capacity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minute = [1000.0 * 60]
    monkeypatch.setattr("collector.enrich.duplicates.time.time", lambda: minute[0])
    memory = DuplicateMemory(1024, 600, tmp_path / "file")

    def seen(event: str, *, confirm: bool = True) -> bool:
        signature, duplicate = memory.check("p", "s", event)
        if confirm:
            memory.confirm(signature)
        else:
            memory.forget(signature)
        return duplicate

    assert [seen("a"), seen("a"), seen("b", confirm=False), seen("b")] == [False, True, False, False]
    minute[0] += 10 * 60
    assert seen("a") is True
    minute[0] += 11 * 60
    assert seen("a") is False
    signature, _ = memory.check("p", "s", "in flight")
    assert memory.check("p", "s", "in flight")[1] is True
    memory.forget(signature)
    assert sum(seen(f"event {number}") for number in range(5000)) == 0
    assert sum(seen(f"event {number}") for number in range(4900, 5000)) > 90
    memory.close()
    assert (tmp_path / "file").stat().st_size == 8192


def test_cache_stays_bounded_and_keeps_what_is_used() -> None:
    cache = BoundedCache[int, int](100)
    for number in range(10_000):
        cache.put(number, number)
        cache.get(9)
    assert len(cache) <= 200
    assert cache.get(9) == 9
    assert cache.get(10) is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "http", "COLLECTOR_PORT: Input should be a valid integer"),
        ("PORTS", "1", "COLLECTOR_PORTS: there is no such setting; did you mean COLLECTOR_PORT?"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, x", "COLLECTOR_TRUSTED_PROXIES: "),
        ("PRIVACY_SIGNALS", "maybe", "COLLECTOR_PRIVACY_SIGNALS: "),
        ("TOPIC", "tracking-dead", "topic and dead_letter_topic are both"),
        ("DEAD_LETTER_NOTICE_TOPIC", "tracking-dead", "dead_letter_topic and dead_letter_notice_topic are both"),
        ("EVENT_SUFFIX", "csc-batch", "the path '/csc-batch' is used twice"),
        ("PRIVATE_VISITOR_IP", "here", "COLLECTOR_PRIVATE_VISITOR_IP: "),
        ("PREFIX", "a", "COLLECTOR_PREFIX: "),
        ("SCRIPT_NAME", "../x.js", "COLLECTOR_SCRIPT_NAME: "),
    ],
)
def test_wrong_settings_name_the_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(f"COLLECTOR_{name}", value)
    with pytest.raises(SettingsError) as error:
        Settings.load()
    assert message in str(error.value)


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    properties = tmp_path / "kafka"
    properties.write_text("# a comment\nsasl.password=a=b\n\nsecurity.protocol = SASL_SSL\n")
    for name, value in {
        "TRUSTED_PROXIES": "10.0.0.0/8, ::1/128",
        "KAFKA_CONFIG_FILE": str(properties),
        "TOPIC": "",
    }.items():
        monkeypatch.setenv(f"COLLECTOR_{name}", value)
    settings = Settings.load()
    assert settings.trusted_proxies == tuple(networks("10.0.0.0/8", "::1/128"))
    assert settings.topic == "tracking-avro"
    config = settings.kafka_config()
    assert (config["sasl.password"], config["security.protocol"], config["acks"]) == ("a=b", "SASL_SSL", "all")
    properties.write_text("acks=1\n")
    with pytest.raises(SettingsError, match="COLLECTOR_KAFKA_CONFIG_FILE: acks may not be set"):
        settings.kafka_config()
