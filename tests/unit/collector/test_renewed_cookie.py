"""The visitor's cookie in answers to pages of the collector's own origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from collector.settings import Site

from tests.unit.collector.sample_events import BEACON, EVENT, batch
from tests.unit.collector.support import make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

PARTY = "0:l8k3zq00:Abc~_!9"
PAGE = {"Cookie": f"other=1; _dvp={PARTY}; _dvs=0:l8k3zq00:s", "Sec_Fetch_Site": "same-origin"}
SET = f"_dvp={PARTY}; Max-Age=63072000; Path=/; SameSite=Lax"
SITES = (
    Site(name="shop", hosts=("shop.example", "*.shop.example"), cookie_domain=".shop.example"),
    Site(name="blog", hosts=("blog.example",)),
)


async def cookie_of(tmp_path: Path, headers: dict[str, str], path: str = "/csc-batch", **settings: Any) -> str | None:
    async with running(make_settings(tmp_path, **{"server_cookies": "true", **settings})) as app:
        method, body = ("POST", batch(EVENT)) if path == "/csc-batch" else ("GET", b"")
        status, answered, _ = await request(app, path, method, body, **headers)
    assert status in (200, 400)
    return answered.get("set-cookie")


@pytest.mark.parametrize(
    ("headers", "path", "wanted"),
    [
        ({**PAGE, "Origin": "https://www.example"}, "/csc-batch", f"{SET}; Secure"),
        ({**PAGE, "Origin": "http://localhost:8000"}, "/csc-batch", SET),
        ({**PAGE, "Referer": "https://www.example/a"}, BEACON, f"{SET}; Secure"),
        ({**PAGE, "Origin": "http://[::1"}, "/csc-batch", SET),
    ],
)
async def test_a_page_gets_its_own_cookie_again(
    tmp_path: Path, headers: dict[str, str], path: str, wanted: str
) -> None:
    assert await cookie_of(tmp_path, headers, path) == wanted


@pytest.mark.parametrize(
    "headers",
    [
        {**PAGE, "Sec_Fetch_Site": "same-site"},
        {**PAGE, "Sec_Fetch_Site": "cross-site"},
        {"Cookie": PAGE["Cookie"]},
        {"Sec_Fetch_Site": "same-origin"},
        {**PAGE, "Cookie": "_dvp=0:l8k3zq00:a%0d%0aSet-Cookie: x=1"},
        {**PAGE, "Cookie": "_dvp=1:what:ever"},
        {**PAGE, "Sec_GPC": "1"},
        {**PAGE, "DNT": "1"},
    ],
)
async def test_nobody_gets_a_cookie_that_the_request_did_not_bring(tmp_path: Path, headers: dict[str, str]) -> None:
    assert await cookie_of(tmp_path, headers) is None


@pytest.mark.parametrize(
    ("origin", "domain"),
    [("https://www.shop.example", "; Domain=.shop.example"), ("https://blog.example", ""), ("https://x.example", "")],
)
async def test_the_domain_is_that_of_the_pages_site(tmp_path: Path, origin: str, domain: str) -> None:
    assert await cookie_of(tmp_path, {**PAGE, "Origin": origin}, sites=SITES) == f"{SET}{domain}; Secure"


async def test_a_stack_without_sites_has_one_domain(tmp_path: Path) -> None:
    found = await cookie_of(tmp_path, {**PAGE, "Origin": "https://a.b.example"}, cookie_domain=".b.example")
    assert found == f"{SET}; Domain=.b.example; Secure"


async def test_without_the_setting_no_answer_has_a_cookie(tmp_path: Path) -> None:
    assert await cookie_of(tmp_path, {**PAGE, "Origin": "https://www.example"}, server_cookies="false") is None


async def test_a_path_that_is_not_for_pages_has_none(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, server_cookies="true")) as app:
        assert "set-cookie" not in (await request(app, "/ping", Cookie=PAGE["Cookie"], Sec_Fetch_Site="same-origin"))[1]


def test_nothing_is_kept_on_devices_with_cookieless(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="server_cookies and cookieless are both on"):
        make_settings(tmp_path, server_cookies="true", cookieless="true")
