"""HTTP to a Druid router: a login, time limits, and errors that quote Druid's reason."""

from http import HTTPStatus
from typing import Any, Self

import httpx

from infra.resources.common.retry import wait_until_ok
from infra.resources.common.ssh import SshError
from infra.resources.common.ssh_transport import http_client

INDEXER = "/druid/indexer/v1"
COORDINATOR = "/druid/coordinator/v1"


class DruidError(Exception):
    """Druid refused a request, or did not reach the requested state."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """`status` is the HTTP status, if Druid responded."""
        super().__init__(message)
        self.status = status


class DruidHttp:
    """Talks to a router. Requests have a time limit and are not retried, except by `wait_until_up`."""

    def __init__(
        self,
        base_url: str,
        *,
        username: str,
        password: str,
        timeout: float = 30,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """The login is the edge's. `timeout` of a request is in seconds."""
        self._http = http_client(base_url, auth=(username, password), timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        """Use as a context manager, so that the connection is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._http.close()

    def is_up(self) -> bool:
        """Whether router and overlord answer now and accept the login."""
        try:
            return self._http.get(f"{INDEXER}/supervisor", timeout=3).status_code == HTTPStatus.OK
        except (httpx.TransportError, SshError):
            return False

    def wait_until_up(self, timeout: float = 120) -> None:
        """Return once router, coordinator and overlord answer. `timeout` is in seconds."""
        wait_until_ok(self._http, f"{INDEXER}/supervisor", server="Druid", error=DruidError, seconds=timeout)

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = self._http.request(method, path, **arguments)
        if response.is_success:
            return response
        message = f"Druid answers {response.status_code} to {method} {response.request.url.path}: {reason_of(response)}"
        raise DruidError(message, response.status_code)

    def _found(self, method: str, path: str, **arguments: Any) -> httpx.Response | None:
        """The response; None if Druid does not have the object."""
        try:
            return self._request(method, path, **arguments)
        except DruidError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise


def reason_of(response: httpx.Response) -> str:
    """The reason in an error response. Its format depends on the Druid process that responded."""
    try:
        body = response.json()
    except ValueError:
        return response.text[:300]
    if not isinstance(body, dict):
        return str(body)[:300]
    return str(body.get("errorMessage") or body.get("error") or body)
