"""Pages of other origins: which answers they may read, and what they may send, over real sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from clickstream_service.settings import SettingsError
from collector.answers import SENTINEL_ETAG
from collector.settings import Settings

from tests.unit.collector.sample_events import BEACON, EVENT, JSON_BODY
from tests.unit.collector.support import exchange, make_settings, parse, request, running

if TYPE_CHECKING:
    from pathlib import Path

    from collector.app import App

SHOP = "https://shop.example"
JSON_SOURCE = "/json-event?p=0:1:a"
BATCH = json.dumps({"events": [EVENT]}).encode()

ANSWERS: list[tuple[int, str, str, bytes | None, dict[str, str]]] = [
    (200, BEACON, "GET", None, {}),
    (200, "/csc-event?malformed", "GET", None, {}),
    (200, "/csc-event?t=pageView&noscript=1", "GET", None, {"Referer": f"{SHOP}/"}),
    (304, BEACON, "GET", None, {"If_None_Match": f'"{SENTINEL_ETAG}"'}),
    (405, BEACON, "POST", b"", {}),
    (414, "/csc-event?" + "x" * 20_000, "GET", None, {}),
    (200, "/csc-batch", "POST", BATCH, {"Content_Type": "text/plain;charset=UTF-8"}),
    (400, "/csc-batch", "POST", b"{", {}),
    (413, "/csc-batch", "POST", None, {"Content_Length": "300000"}),
    (413, "/csc-batch", "POST", json.dumps({"events": [1] * 1001}).encode(), {}),
    (415, "/csc-batch", "POST", BATCH, {"Content_Type": "text/html"}),
    (204, JSON_SOURCE, "POST", JSON_BODY, {"Content_Type": "application/json"}),
    (400, "/json-event", "POST", JSON_BODY, {"Content_Type": "application/json"}),
    (413, JSON_SOURCE, "POST", None, {"Content_Length": "300000"}),
    (413, JSON_SOURCE, "POST", b"x" * 5000, {"Content_Type": "application/json"}),
    (415, JSON_SOURCE, "POST", JSON_BODY, {}),
]


def cors_of(headers: dict[str, str]) -> dict[str, str]:
    """What a browser decides by."""
    return {name: value for name, value in headers.items() if name.startswith("access-control-") or name == "vary"}


async def cors(app: App, target: str, method: str = "GET", body: bytes | None = None, **headers: str) -> dict[str, str]:
    return cors_of((await request(app, target, method, body, **headers))[1])


@pytest.mark.parametrize(
    ("status", "target", "method", "body", "given"),
    ANSWERS,
    ids=[f"{method} {target[:20]} {status}" for status, target, method, _, _ in ANSWERS],
)
async def test_by_default_any_page_reads_any_answer_about_events(
    tmp_path: Path, status: int, target: str, method: str, body: bytes | None, given: dict[str, str]
) -> None:
    async with running(make_settings(tmp_path)) as app:
        answered, headers, _ = await request(app, target, method, body, Origin=SHOP, **given)
    assert answered == status
    # Without credentials, and the same for every origin, so that no cache has to tell them apart.
    assert cors_of(headers) == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "Retry-After",
    }
    assert headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("target", "body"), [(BEACON, None), ("/csc-batch", BATCH), (JSON_SOURCE, JSON_BODY)], ids=["GET", "batch", "JSON"]
)
async def test_a_page_learns_when_to_send_again(tmp_path: Path, target: str, body: bytes | None) -> None:
    """Kafka is away and there is no spool."""
    kafka = tmp_path / "kafka.properties"
    kafka.write_text("bootstrap.servers=127.0.0.1:1\n")
    async with running(make_settings(tmp_path, kafka_timeout_ms=300)) as app:
        content = {"Content_Type": "application/json"} if body else {}
        status, headers, _ = await request(app, target, "POST" if body else "GET", body, Origin=SHOP, **content)
    assert (status, headers["retry-after"]) == (503, "2")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-expose-headers"] == "Retry-After"


async def test_a_page_reads_a_refusal_that_comes_before_the_path_is_known(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, headers, _ = parse(await exchange(app, b"GET /csc-event HTTP/1.1\r\nX: " + b"x" * 40_000))
        assert (status, headers["access-control-allow-origin"]) == (431, "*")


async def test_the_inner_paths_are_for_no_page(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        for path in ("/metrics", "/ping", "/ready", "/live", "/nowhere"):
            assert await cors(app, path, Origin=SHOP) == {}, path


@pytest.mark.parametrize("target", ["/csc-batch", JSON_SOURCE])
async def test_a_preflight_is_answered(tmp_path: Path, target: str) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
    async with running(make_settings(tmp_path)) as app:
        status, headers, body = await request(app, target, "OPTIONS", None, Origin=SHOP, **asked)
        assert (status, body) == (204, b"")
        assert cors_of(headers) == {
            "access-control-allow-origin": "*",
            "access-control-expose-headers": "Retry-After",
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": "Content-Type",
            "access-control-max-age": "86400",
        }
        status, headers, _ = await request(app, target, "OPTIONS", None, Origin=SHOP)
        assert (status, headers["allow"]) == (405, "POST"), "not a preflight: Divolte's answer"


async def test_with_a_list_only_its_origins_read_answers(tmp_path: Path) -> None:
    allowed = f"{SHOP}, http://localhost:3000"
    asked = {"Access_Control_Request_Method": "POST"}
    async with running(make_settings(tmp_path, allowed_origins=allowed)) as app:
        for origin in (SHOP, "http://localhost:3000"):
            expected = {
                "vary": "Origin",
                "access-control-allow-origin": origin,
                "access-control-expose-headers": "Retry-After",
            }
            assert await cors(app, "/csc-batch", "POST", BATCH, Origin=origin) == expected
            assert await cors(app, BEACON, Origin=origin) == expected
            assert await cors(app, "/csc-batch", "OPTIONS", None, Origin=origin, **asked) == expected | {
                "access-control-allow-methods": "POST",
                "access-control-allow-headers": "Content-Type",
                "access-control-max-age": "86400",
            }
        for other in ("https://shop.example.evil.example", "http://shop.example", "https://shop.example:444", "null"):
            answer = await request(app, "/csc-batch", "POST", BATCH, Origin=other)
            assert (answer[0], cors_of(answer[1])) == (200, {"vary": "Origin"}), "taken, but not readable"
            preflight = await cors(app, "/csc-batch", "OPTIONS", None, Origin=other, **asked)
            assert "access-control-allow-origin" not in preflight
        assert await cors(app, "/csc-batch", "POST", BATCH) == {"vary": "Origin"}


async def test_any_site_may_load_the_script(tmp_path: Path) -> None:
    script = tmp_path / "divolte.js"
    script.write_text("tracker()")
    async with running(make_settings(tmp_path, script_file=script, allowed_origins=SHOP)) as app:
        _, headers, _ = await request(app, "/divolte.js", Origin="https://other.example")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://shop.example/", "https://Shop.example", "https://*.example"]
)
def test_what_is_not_an_origin_stops_the_start(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("COLLECTOR_ALLOWED_ORIGINS", f"{SHOP},{origin}")
    with pytest.raises(SettingsError, match="COLLECTOR_ALLOWED_ORIGINS") as error:
        Settings.load()
    assert origin in str(error.value)
