"""A plain HTTP client of a simulator: its API, and its own paths for faults, limits and what is left."""

import ssl
from functools import cache
from typing import Any, Self

import httpx

from tests.fakes.digitalocean.faults import DropletFault, HttpFault
from tests.fakes.digitalocean.models import Json


@cache
def _unused_context() -> ssl.SSLContext:
    """Nothing here is encrypted; httpx would read every certificate of the machine for each client."""
    return ssl.create_default_context()


class SimulatorClient:
    """Works on a simulator in this process or in another."""

    def __init__(self, url: str, token: str) -> None:
        """As the simulator printed them."""
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=120, verify=_unused_context())

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes its connections."""
        self.http.close()

    def request(self, method: str, path: str, body: object = None, **query: str | int) -> httpx.Response:
        """Of the API; `path` begins after /v2."""
        return self.http.request(method, f"/v2{path}", json=body, params=query)

    def call(self, method: str, path: str, body: object = None, **query: str | int) -> Any:
        """The same, where success is expected: the JSON of the answer."""
        response = self.request(method, path, body, **query)
        if response.is_error:
            message = f"{method} {path}: {response.status_code} {response.text}"
            raise AssertionError(message)
        return response.json() if response.content else None

    def set_faults(self, *, http: list[HttpFault] | None = None, droplets: list[DropletFault] | None = None) -> None:
        """Those in force from now on; none of both ends all."""
        body = {
            "http": [fault.model_dump() for fault in http or []],
            "droplets": [fault.model_dump() for fault in droplets or []],
        }
        self.http.put("/simulator/faults", json=body).raise_for_status()

    def set_limits(self, **limits: int) -> None:
        """Fields of `Limits`."""
        self.http.patch("/simulator/limits", json=limits).raise_for_status()

    def inventory(self) -> Json:
        """What was made and not taken away, by kind."""
        found: Json = self.http.get("/simulator/inventory").raise_for_status().json()
        return found

    def leaked_resources(self) -> Json:
        """The same without the kinds of which nothing is there."""
        return {kind: names for kind, names in self.inventory().items() if names}
