"""A small typed client for the parts of Druid's API that the program manages."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx

INDEXER = "/druid/indexer/v1"
COORDINATOR = "/druid/coordinator/v1"
EVERYTHING = "1000-01-01/3000-01-01"


class DruidError(Exception):
    """Druid refused, or did not get to where it was asked to go."""


@dataclass(frozen=True)
class SupervisorStatus:
    """A supervisor as Druid sees it: state such as RUNNING, and its newest errors."""

    state: str
    healthy: bool
    errors: tuple[str, ...]


class DruidClient:
    """Talks to a router. Every request has a time limit; nothing is retried but waiting for Druid to answer."""

    def __init__(
        self, base_url: str, *, username: str, password: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Keep a connection; the login is the edge's."""
        self._http = httpx.Client(
            base_url=base_url,
            auth=(username, password),
            timeout=30,
            verify=_verify(base_url),
            transport=transport,
        )

    def __enter__(self) -> Self:
        """Use as a context manager, so that the connection is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._http.close()

    def wait_until_up(self, timeout: float = 120) -> None:
        """Return when router, coordinator and overlord answer. `timeout` in seconds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                response = self._http.get(f"{INDEXER}/supervisor")
                if response.status_code == HTTPStatus.OK:
                    return
                seen = f"{response.status_code} {response.text[:200]}"
                if response.status_code == HTTPStatus.UNAUTHORIZED:
                    message = f"{self._http.base_url} refuses the login of the edge (401)"
                    raise DruidError(message)
            except httpx.TransportError as error:
                seen = str(error)
            if time.monotonic() > deadline:
                message = f"Druid does not answer at {self._http.base_url} after {timeout:.0f} s: {seen}"
                raise DruidError(message)
            time.sleep(0.5)

    def post_supervisor(self, spec: Mapping[str, Any]) -> None:
        """Create or replace; without effect on running tasks if nothing changed."""
        self._request("POST", f"{INDEXER}/supervisor", params={"skipRestartIfUnmodified": "true"}, json=dict(spec))

    def supervisor_spec(self, supervisor_id: str) -> dict[str, Any] | None:
        """The spec that runs, with every default filled in; None if there is none."""
        response = self._http.get(f"{INDEXER}/supervisor/{supervisor_id}")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return dict(self._checked(response).json())

    def supervisor_status(self, supervisor_id: str) -> SupervisorStatus | None:
        """State and errors; None if there is no such supervisor."""
        response = self._http.get(f"{INDEXER}/supervisor/{supervisor_id}/status")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        payload = self._checked(response).json()["payload"]
        errors = tuple(f"{item.get('exceptionClass')}: {item.get('message')}" for item in payload["recentErrors"])
        return SupervisorStatus(str(payload["detailedState"]), bool(payload["healthy"]), errors[-3:])

    def failed_tasks(self, datasource: str) -> list[str]:
        """Error messages of the datasource's newest failed tasks, newest first."""
        response = self._http.get(f"{INDEXER}/tasks", params={"datasource": datasource, "state": "complete", "max": 5})
        tasks = self._checked(response).json()
        return [str(task.get("errorMsg")) for task in tasks if task.get("statusCode") == "FAILED"]

    def wait_until_running(self, supervisor_id: str, timeout: float = 120) -> None:
        """Return when the supervisor's tasks read from Kafka; raise with Druid's own errors otherwise."""
        deadline = time.monotonic() + timeout
        while True:
            status = self.supervisor_status(supervisor_id)
            if status is not None and status.state in ("RUNNING", "IDLE"):
                return
            if time.monotonic() > deadline or (status is not None and status.state.startswith("UNHEALTHY")):
                state = status.state if status else "unknown to Druid"
                told = list(status.errors if status else ()) + self.failed_tasks(supervisor_id)
                details = "".join(f"\n  - {item}" for item in told) or " none given"
                message = f"supervisor {supervisor_id} is {state} after posting its spec. Druid's errors:{details}"
                raise DruidError(message)
            time.sleep(0.5)

    def sample(self, spec: Mapping[str, Any], rows: int = 12) -> dict[str, Any]:
        """Read some rows as the spec would ingest them, without ingesting. A dry run of the spec."""
        body = {"type": "kafka", "spec": dict(spec), "samplerConfig": {"numRows": rows, "timeoutMs": 5000}}
        return dict(self._request("POST", f"{INDEXER}/sampler", json=body).json())

    def sql(self, query: str, **context: Any) -> list[dict[str, Any]]:
        """Rows of a query. Counting distinct values is exact."""
        body = {"query": query, "context": {"useApproximateCountDistinct": False, **context}}
        return list(self._request("POST", "/druid/v2/sql", json=body).json())

    def delete_supervisor(self, supervisor_id: str, *, drop_data: bool, timeout: float = 120) -> None:
        """Stop the supervisor; with `drop_data` its offsets, rows and segments go as well.

        The order matters: dropping rows while a task still runs leaves them visible.
        """
        if drop_data and self.supervisor_spec(supervisor_id) is not None:
            self._request("POST", f"{INDEXER}/supervisor/{supervisor_id}/reset")
        response = self._http.post(f"{INDEXER}/supervisor/{supervisor_id}/terminate", timeout=120)
        if response.status_code != HTTPStatus.NOT_FOUND:
            self._checked(response)
        if not drop_data:
            return
        deadline = time.monotonic() + timeout
        running = {"datasource": supervisor_id, "state": "running"}
        while self._request("GET", f"{INDEXER}/tasks", params=running).json():
            if time.monotonic() > deadline:
                message = f"tasks of {supervisor_id} still run {timeout:.0f} s after its supervisor was stopped"
                raise DruidError(message)
            time.sleep(0.5)
        response = self._http.delete(f"{COORDINATOR}/datasources/{supervisor_id}")
        if response.status_code != HTTPStatus.NOT_FOUND:
            self._checked(response)
        self._request(
            "POST",
            f"{INDEXER}/task",
            json={"type": "kill", "dataSource": supervisor_id, "interval": EVERYTHING},
        )

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self._checked(self._http.request(method, path, **arguments))

    @staticmethod
    def _checked(response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        try:
            body = response.json()
            said = body.get("error") or body.get("errorMessage") or body
        except ValueError:
            said = response.text[:300]
        message = (
            f"Druid answers {response.status_code} to {response.request.method} {response.request.url.path}: {said}"
        )
        raise DruidError(message)


def _verify(base_url: str) -> bool:
    """Certificates are checked wherever there are any."""
    return base_url.startswith("https")
