"""Realistic click events, the same for a given seed: input of the benchmarks and of the converter's tests.

Encoding is plain fastavro with the one schema, so a record here is what the collector puts on the topic.
"""

from __future__ import annotations

import io
import json
import random
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fastavro

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_FILE: Final = Path(__file__).resolve().parent.parent / "services" / "schema" / "clickstream.avsc"
SCHEMA: Final[dict[str, Any]] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
PARSED: Final = fastavro.parse_schema(SCHEMA)

START_MS: Final = 1_770_000_000_000
"""First event's time, ms since the epoch: fixed, so that output is the same on every run."""

_PLACES: Final = (
    ("Sweden", "Stockholm County", "Stockholm", "111 22", 59.3294, 18.0687, "EU", "Europe", "SE", "AB", "Swedish"),
    ("France", "Île-de-France", "Paris", "75001", 48.8534, 2.3488, "EU", "Europe", "FR", "IDF", "French"),
    ("Japan", "東京都", "千代田区", "100-0001", 35.6764, 139.65, "AS", "Asia", "JP", "13", "Japanese"),
    ("United States", "California", "San José", "95113", 37.3382, -121.8863, "NA", "North America", "US", "CA",
     "English"),
    ("Brazil", "São Paulo", "São Paulo", "01000-000", -23.5475, -46.6361, "SA", "South America", "BR", "SP",
     "Portuguese"),
)  # fmt: skip
_CAPITALS: Final = {"SE": "Stockholm", "FR": "Paris", "JP": "Tokyo", "US": "Washington", "BR": "Brasília"}
_PATHS: Final = ("/", "/products", "/products/42", "/cart", "/checkout", "/blog/why-events", "/søk", "/about")
_AGENTS: Final = (
    ("Chrome", "131.0.6778.85", 131, "Windows", "desktop",
     "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/131.0.0.0 Safari/537.36"),
    ("Safari", "18.1", 18, "iOS", "mobile",
     "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/18.1 Mobile/15E148 Safari/604.1"),
    ("Firefox", "133.0", 133, "Linux", "desktop",
     "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"),
)  # fmt: skip
_CAMPAIGNS: Final = ("spring-sale", 'quote"and\\slash', "tab\tnewline\n", "😀 emoji", "")
_ALPHABET: Final = string.ascii_letters + string.digits + "_~"
_BASE36: Final = string.digits + string.ascii_lowercase


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _BASE36[rest] + digits
    return digits or "0"


def _identifier(rng: random.Random, at_ms: int) -> str:
    return f"0:{_base36(at_ms)}:{''.join(rng.choices(_ALPHABET, k=32))}"


def records(count: int, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield ``count`` events of a few visitors per hundred events, 1 ms apart, event ids ``<seed>-<number>``."""
    rng = random.Random(seed)  # noqa: S311 - test data, not a secret
    parties = [_identifier(rng, START_MS - rng.randrange(10**9)) for _ in range(max(1, count // 30))]
    for number in range(count):
        at = START_MS + number
        country, state, city, postal, lat, lon, continent, continent_name, code, region, language = rng.choice(_PLACES)
        browser, version, major, os_name, device, agent = rng.choice(_AGENTS)
        path, party = rng.choice(_PATHS), rng.choice(parties)
        campaign = rng.choice(_CAMPAIGNS) if rng.random() < 0.3 else None
        page_view = rng.random() < 0.8
        located = rng.random() < 0.95
        yield {
            "timestamp": at,
            "client_timestamp": at - rng.randrange(-500, 3000),
            "event_id": f"{seed}-{number}",
            "event_type": "pageView" if page_view else "click",
            "event_source": "browser",
            "party_id": party,
            "session_id": _identifier(rng, at),
            "page_view_id": "".join(rng.choices(_ALPHABET, k=32)),
            "is_new_party": rng.random() < 0.1,
            "is_first_in_session": rng.random() < 0.2,
            "location": f"https://shop.example{path}?page={number % 7}#top",
            "host": "shop.example",
            "path": path,
            "referer": "https://search.example/?q=events" if campaign else None,
            "referer_host": "search.example" if campaign else None,
            "utm_source": "newsletter" if campaign is not None else None,
            "utm_medium": "email" if campaign is not None else None,
            "utm_campaign": campaign,
            "utm_term": None,
            "utm_content": None,
            "click_id": None,
            "click_id_name": None,
            "viewport_width": 1440,
            "viewport_height": 900,
            "screen_width": 2560,
            "screen_height": 1440,
            "engagement_ms": None if page_view else rng.randrange(60_000),
            "scroll_percent": None if page_view else rng.randrange(101),
            "parameters": None if page_view else json.dumps({"button": "köp", "price": number / 100}),
            "country": country if located else None,
            "state": state,
            "city": city,
            "postal": postal,
            "latitude": lat + rng.random() / 10,
            "longitude": lon + rng.random() / 10,
            "ip": f"203.0.113.{number % 256}",
            "continent_code": continent,
            "continent_name": continent_name,
            "country_code": code,
            "region_code": region,
            "capital_city": _CAPITALS[code],
            "language_code": language[:2].lower(),
            "language_name": language,
            "country_flag_url": f"/flags/{code.lower()}.svg",
            "browser_name": browser,
            "browser_full_version": version,
            "browser_major_version": major,
            "navigator_app_name": "Netscape",
            "navigator_user_agent": agent,
            "os_name": os_name,
            "device_class": device,
            "is_bot": False,
            "is_duplicate": False,
            "is_corrupt": False,
        }


def encode(record: dict[str, Any]) -> bytes:
    """Return the record as a raw Avro datum of the one schema."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, PARSED, record)
    return out.getvalue()


def datums(count: int, *, seed: int = 1) -> list[bytes]:
    """Return ``count`` encoded events."""
    return [encode(record) for record in records(count, seed=seed)]
