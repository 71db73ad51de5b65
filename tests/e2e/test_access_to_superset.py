"""Who may see what in Superset: nobody, everybody, the viewer. Over HTTP, as a browser's page asks for it."""

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from infra.resources.superset.client import SupersetClient
from tests.e2e.conftest import CONFIG
from tests.e2e.journey import Access, log_in

PUBLIC = "clickstream-analytics"
HOME = "clickstream"


@pytest.fixture
def viewer(access: Access) -> Iterator[httpx.Client]:
    """The viewer's session."""
    with SupersetClient(access.superset, username=access.viewer, password=access.viewer_password) as client:
        client.login()
        yield client.session


@pytest.fixture
def visitor(access: Access) -> Iterator[httpx.Client]:
    """Somebody without a login."""
    with httpx.Client(base_url=access.superset, headers={"Accept": "application/json"}) as client:
        yield client


def slugs(client: httpx.Client) -> set[str]:
    answer = client.get("/api/v1/dashboard/", params={"q": "(page_size:100)"})
    return {row["slug"] for row in answer.json()["result"]} if answer.is_success else set()


def csrf_token(client: httpx.Client) -> str:
    """As it stands in every page."""
    page = client.get(f"/superset/dashboard/{PUBLIC}/", headers={"Accept": "text/html"}).text
    found = re.search(r'name="csrf_token"[^>]*?value="([^"]+)"', page, re.DOTALL)
    assert found, "the page has a token"
    return html.unescape(found.group(1))


def question(client: httpx.Client, slug: str) -> dict[str, Any]:
    """What a page asks for the first chart of a dashboard."""
    dashboard = client.get(f"/api/v1/dashboard/{slug}").json()["result"]["id"]
    charts = client.get(f"/api/v1/dashboard/{slug}/charts").json()["result"]
    chart = next(item for item in charts if item["form_data"]["viz_type"] == "table")
    dataset = int(chart["form_data"]["datasource"].partition("__")[0])
    return {
        "datasource": {"id": dataset, "type": "table"},
        "form_data": {"slice_id": chart["id"], "dashboardId": dashboard},
        "queries": [{"metrics": chart["form_data"]["metrics"], "columns": chart["form_data"]["groupby"]}],
        "force": True,
    }


def test_the_viewer_sees_every_published_dashboard_and_its_numbers(viewer: httpx.Client) -> None:
    assert {"clickstream", PUBLIC} <= slugs(viewer)
    answer = viewer.post("/api/v1/chart/data", json=question(viewer, PUBLIC), timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text


@pytest.mark.parametrize("login", ["admin", "viewer"])
def test_after_the_login_people_see_the_dashboard(access: Access, browser: Browser, login: str) -> None:
    with_login = {"admin": (access.user, access.superset_password), "viewer": (access.viewer, access.viewer_password)}
    context = browser.new_context()
    page = context.new_page()
    log_in(page, access, *with_login[login])
    page.wait_for_url(f"**/superset/dashboard/{HOME}/**", wait_until="commit")
    page.locator("[data-test-chart-name]").first.wait_for(timeout=60_000)
    page.goto(f"{access.superset}/", wait_until="commit")
    assert urlsplit(page.url).path == f"/superset/dashboard/{HOME}/"
    context.close()


def test_a_login_on_the_way_to_a_page_leads_to_that_page(access: Access, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    log_in(page, access, start="/superset/dashboard/quality/")
    page.wait_for_url("**/superset/dashboard/quality/**", wait_until="commit")
    context.close()


def test_without_a_login_the_address_alone_leads_to_the_login_and_then_to_the_dashboard(visitor: httpx.Client) -> None:
    home = visitor.get("/", headers={"Accept": "text/html"})
    assert urlsplit(home.headers["location"]).path == f"/superset/dashboard/{HOME}/"
    login = urlsplit(visitor.get(home.headers["location"], headers={"Accept": "text/html"}).headers["location"])
    assert login.path == "/login/"
    assert urlsplit(parse_qs(login.query)["next"][0]).path == f"/superset/dashboard/{HOME}/"


def test_the_viewer_changes_nothing(viewer: httpx.Client) -> None:
    dashboard = question(viewer, PUBLIC)["form_data"]["dashboardId"]
    attempts = (
        viewer.put(f"/api/v1/dashboard/{dashboard}", json={"dashboard_title": "Mine"}),
        viewer.delete(f"/api/v1/dashboard/{dashboard}"),
        viewer.post("/api/v1/chart/", json={"slice_name": "Mine", "datasource_id": 1, "datasource_type": "table"}),
        viewer.post("/api/v1/sqllab/execute/", json={"database_id": 1, "sql": "SELECT 1"}),
        viewer.get("/api/v1/database/"),
        viewer.get("/api/v1/assets/export/"),
        viewer.get("/api/v1/security/users/"),
    )
    statuses = {f"{item.request.method} {item.url.path}": item.status_code for item in attempts}
    assert set(statuses.values()) == {httpx.codes.FORBIDDEN}, statuses


def test_without_a_login_only_the_dashboard_of_the_setting_is_seen(visitor: httpx.Client) -> None:
    assert CONFIG["publicDashboards"] == [PUBLIC]
    assert slugs(visitor) == {PUBLIC}
    page = visitor.get(f"/superset/dashboard/{PUBLIC}/", headers={"Accept": "text/html"})
    assert page.status_code == httpx.codes.OK
    assert visitor.get("/api/v1/dashboard/clickstream").status_code in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
    assert visitor.get("/api/v1/database/").status_code == httpx.codes.UNAUTHORIZED
    assert visitor.get("/api/v1/dataset/").status_code == httpx.codes.UNAUTHORIZED


def test_a_public_dashboard_shows_its_numbers_and_no_others(visitor: httpx.Client) -> None:
    asked = question(visitor, PUBLIC)
    visitor.headers["X-CSRFToken"] = csrf_token(visitor)
    answer = visitor.post("/api/v1/chart/data", json=asked, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    del asked["form_data"]
    refused = visitor.post("/api/v1/chart/data", json=asked, timeout=60)
    assert refused.status_code == httpx.codes.FORBIDDEN, refused.text
