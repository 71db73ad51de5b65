"""A small typed client for the parts of Superset's API that the program manages."""

import html
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from itertools import count
from typing import Any, Literal, Self
from urllib.parse import quote
from uuid import UUID

import httpx

from infra.resources.common.api_login import ApiLogin
from infra.resources.common.retry import RetryPolicy, wait_until_ok
from infra.resources.common.ssh_transport import http_client

Kind = Literal["dashboard", "chart", "dataset", "database", "rowlevelsecurity"]
PAGE = 100
RETRY_POLICY = RetryPolicy(attempts=6, first_pause=0.5, statuses=(HTTPStatus.TOO_MANY_REQUESTS,), connections=1)
"""Superset allows 50 requests a second from one address."""

_CSRF_FIELD = re.compile(r'name="csrf_token"[^>]*?value="([^"]+)"', re.DOTALL)


class SupersetError(Exception):
    """Superset refused a request or did not answer."""


class SupersetClient:
    """Talks to Superset as a browser does, with a session cookie from the login form and a CSRF token for changes.

    Not with a bearer token, which Superset ignores on everything that its public role may read. Redirects are never
    followed: a request after the session's end is redirected to the login page, which answers 200.
    """

    def __init__(
        self, base_url: str, *, username: str, password: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Sends nothing yet."""
        self._username = username
        self._password = password
        self._http = http_client(
            base_url,
            timeout=httpx.Timeout(60, connect=5),
            follow_redirects=False,
            headers={"Accept": "application/json"},
            transport=transport,
        )
        # Superset's forms require a Referer, and the edge accepts only one of the same origin and with a path.
        self._http.headers["Referer"] = f"{str(self._http.base_url).rstrip('/')}/"

    def __enter__(self) -> Self:
        """Use as a context manager, so that the connection is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._http.close()

    @property
    def session(self) -> httpx.Client:
        """The HTTP client with cookies and token, for requests that have no method here."""
        return self._http

    def wait_until_up(self, timeout: float = 120) -> None:
        """Return once Superset answers. `timeout` is in seconds."""
        wait_until_ok(self._http, "/health", server="Superset", error=SupersetError, seconds=timeout, timeout=5)

    def login(self) -> None:
        """Log in.

        Raises:
            SupersetError: the user name or password is wrong, or the URL is not Superset's.
        """
        page = self._send("GET", "/login/", headers={"Accept": "text/html"})
        field = _CSRF_FIELD.search(page.text)
        if page.status_code != HTTPStatus.OK or field is None:
            message = f"{self._http.base_url} does not show Superset's login form (GET /login/: {page.status_code})"
            raise SupersetError(message)
        form = {
            "username": self._username,
            "password": self._password,
            "csrf_token": html.unescape(field.group(1)),
        }
        response = self._send("POST", "/login/", data=form, headers={"Accept": "text/html"})
        if not response.is_redirect or "/login" in response.headers.get("Location", ""):
            message = (
                f"{self._http.base_url} refuses the login of {self._username!r} "
                f"(POST /login/: {response.status_code}): check the user name and password"
            )
            raise SupersetError(message)
        token = self._json("GET", "/api/v1/security/csrf_token/")["result"]
        self._http.headers["X-CSRFToken"] = str(token)

    def import_assets(self, bundle: bytes, passwords: dict[str, str] | None = None) -> None:
        """Create or overwrite everything in the bundle, a zip archive with one root folder.

        `passwords`: from paths of database files to passwords. Importing the same bundle again changes nothing.
        """
        answer = self._json(
            "POST",
            "/api/v1/assets/import/",
            files={"bundle": ("bundle.zip", bundle, "application/zip")},
            data={"passwords": json.dumps(passwords or {})},
            timeout=180,
        )
        if answer.get("message") != "OK":
            message = f"Superset did not confirm the import: {answer}"
            raise SupersetError(message)

    def export_assets(self) -> bytes:
        """Every asset in Superset, as a zip archive."""
        response = self._checked(self._send("GET", "/api/v1/assets/export/", timeout=180))
        if not response.content.startswith(b"PK"):
            message = f"Superset's export is not a zip archive: {response.headers.get('Content-Type')}"
            raise SupersetError(message)
        return response.content

    def find(self, kind: Kind, uuid: str) -> int | None:
        """ID of the object with that UUID; None if there is none."""
        query = f"(columns:!(id),filters:!((col:uuid,opr:eq,value:'{UUID(uuid)}')))"
        rows = self._json("GET", f"/api/v1/{kind}/", params={"q": query})["result"]
        return int(rows[0]["id"]) if rows else None

    def find_rule(self, name: str) -> int | None:
        """ID of the row-level security rule with that name; None if there is none."""
        rows = self._all("/api/v1/rowlevelsecurity/", "columns:!(id,name)")
        return next((int(row["id"]) for row in rows if row["name"] == name), None)

    def roles(self) -> dict[str, int]:
        """IDs of the roles that a rule may name, by name."""
        rows = self._all("/api/v1/rowlevelsecurity/related/roles")
        return {str(row["text"]): int(row["value"]) for row in rows}

    def datasets(self) -> dict[str, int]:
        """IDs of all datasets by UUID."""
        return {str(row["uuid"]): int(row["id"]) for row in self._all("/api/v1/dataset/", "columns:!(id,uuid)")}

    def create(self, kind: Kind, body: dict[str, Any]) -> int:
        """Create one object and return its ID."""
        return int(self._json("POST", f"/api/v1/{kind}/", json=body)["id"])

    def change(self, kind: Kind, identifier: int, body: dict[str, Any]) -> None:
        """Change some fields of one object."""
        self._json("PUT", f"/api/v1/{kind}/{identifier}", json=body)

    def get(self, kind: Kind, identifier: int) -> dict[str, Any]:
        """One object as the API returns it."""
        return dict(self._json("GET", f"/api/v1/{kind}/{identifier}")["result"])

    def charts(self, slug: str) -> list[dict[str, Any]]:
        """The charts of a dashboard, each with `slice_name` and `form_data`."""
        found: list[dict[str, Any]] = self._json("GET", f"/api/v1/dashboard/{quote(slug, safe='')}/charts")["result"]
        return found

    def chart_data(self, datasource: int, kind: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of a chart's query (`columns`, `metrics`, `filters` …), fresh from the database."""
        body = {
            "datasource": {"id": datasource, "type": kind},
            "queries": [query],
            "force": True,
            "result_format": "json",
            "result_type": "full",
        }
        result = self._json("POST", "/api/v1/chart/data", json=body)["result"][0]
        if result.get("error"):
            message = f"Superset could not query its database: {result['error']}"
            raise SupersetError(message)
        rows: list[dict[str, Any]] = result["data"]
        return rows

    def delete(self, kind: Kind, identifier: int) -> None:
        """Delete one object, if it exists."""
        response = self._send("DELETE", f"/api/v1/{kind}/{identifier}")
        if response.status_code != HTTPStatus.NOT_FOUND:
            self._checked(response)

    def dashboard_roles(self) -> dict[str, tuple[int, frozenset[str]]]:
        """From UUIDs of dashboards to their IDs and the names of the roles that they are restricted to."""
        return {
            str(row["uuid"]): (int(row["id"]), frozenset(str(role["name"]) for role in row["roles"]))
            for row in self._all("/api/v1/dashboard/", "columns:!(id,uuid,roles.name)")
        }

    def set_dashboard_roles(self, identifier: int, names: Iterable[str]) -> None:
        """Restrict a dashboard to these roles. Without any, the dashboard is unrestricted.

        Raises:
            SupersetError: Superset has no role of one of these names.
        """
        rows = self._json("GET", "/api/v1/dashboard/related/roles", params={"q": f"(page_size:{PAGE})"})["result"]
        ids = {str(row["text"]): int(row["value"]) for row in rows}
        missing = sorted(set(names) - set(ids))
        if missing:
            message = f"Superset has no role {', '.join(missing)}; it has {', '.join(sorted(ids))}"
            raise SupersetError(message)
        self.change("dashboard", identifier, {"roles": sorted(ids[name] for name in set(names))})

    def _all(self, path: str, query: str = "") -> list[dict[str, Any]]:
        """All rows of a list, page by page."""
        found: list[dict[str, Any]] = []
        for page in count():
            asked = ",".join(filter(None, (query, f"page:{page},page_size:{PAGE}")))
            rows = self._json("GET", path, params={"q": f"({asked})"})["result"]
            found += rows
            if len(rows) < PAGE:
                break
        return found

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return RETRY_POLICY.call(lambda: self._http.request(method, path, **arguments))

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = self._checked(self._send(method, path, **arguments))
        try:
            return dict(response.json())
        except ValueError:
            kind = response.headers.get("Content-Type")
            message = f"Superset answers {method} {path} with {kind} instead of JSON"
            raise SupersetError(message) from None

    @staticmethod
    def _checked(response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        request = f"{response.request.method} {response.request.url.path}"
        if response.is_redirect:
            message = (
                f"Superset redirects {request} to {response.headers.get('Location')}: the session was not accepted. "
                "Over http, SUPERSET_TLS must be false; otherwise the session cookie is for https only"
            )
            raise SupersetError(message)
        message = f"Superset answers {response.status_code} to {request}: {_reason(response)}"
        raise SupersetError(message)


def session(login: ApiLogin) -> SupersetClient:
    """Wait until Superset is up, then log in."""
    client = SupersetClient(login.base_url, username=login.username, password=login.password)
    client.wait_until_up()
    client.login()
    return client


def _reason(response: httpx.Response) -> str:
    """The reason in an error response, which has one of three formats."""
    try:
        body = response.json()
    except ValueError:
        return response.text[:300]
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        parts = [str(item.get("message")) for item in body["errors"]]
        issues = [item.get("extra") for item in body["errors"] if item.get("extra")]
        return "; ".join(parts) + (f" {json.dumps(issues)[:600]}" if issues else "")
    return str(body.get("message", body) if isinstance(body, dict) else body)[:600]
