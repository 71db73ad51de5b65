"""A client of DigitalOcean's API v2: retries, readable errors, and waiting for actions."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from toolchain.provider_shims.kinds import ProviderError

DEFAULT_ENDPOINT = "https://api.digitalocean.com"
ENDPOINT_VARIABLE = "DIGITALOCEAN_API_URL"
TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
CONFIGURATION = frozenset({"apiEndpoint", "token", "spacesEndpoint"})
"""Of the provider, as far as the shim supports it. The SDK sets the last from the environment; no type here uses it."""

PAGE = 200
TIMEOUT_SECONDS = 30
RETRIES = 4
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, 500, 502, 503, 504)
POLL_SECONDS = 0.5
POLL_LIMIT_SECONDS = 3.0
"""Polling starts fast, for a simulator, and slows down to the real provider's pace."""


class MissingError(ProviderError):
    """The object does not exist."""


class RefusedError(ProviderError):
    """The API refuses for the moment: the object is in use or locked."""


class Api:
    """One account. Nothing is sent before the first call, so that a preview needs no token."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._endpoint = configuration.get("apiEndpoint") or os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
        self._token = configuration.get("token") or next(filter(None, map(os.environ.get, TOKEN_VARIABLES)), "")
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One request, path without `/v2`; gives the answer's JSON, None if it has none."""
        answer = self._send(method, f"/v2{path}", body, query)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise self._error(method, path, answer)

    def pages(self, path: str, key: str) -> Iterator[Any]:
        """Every item of a list."""
        page = 1
        while True:
            answer = self.call("GET", path, page=page, per_page=PAGE)
            yield from answer[key]
            if "next" not in ((answer.get("links") or {}).get("pages") or {}):
                return
            page += 1

    def find(self, path: str) -> Any | None:
        """A GET; None for what is not there."""
        try:
            return self.call("GET", path)
        except MissingError:
            return None

    def remove(self, path: str, *, seconds: float = 0, body: Any = None) -> None:
        """A DELETE; an object that does not exist is no error. A refused one is tried again for `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.call("DELETE", path, body)
            except MissingError:
                return
            except RefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_LIMIT_SECONDS / 3)
            else:
                return

    def act(self, path: str, action: Mapping[str, Any], *, seconds: float, cancelled: threading.Event) -> None:
        """Starts an action and waits until it is complete. ProviderError if it ends in an error."""
        started = self.call("POST", f"{path}/actions", dict(action))["action"]

        def done() -> bool:
            current = self.call("GET", f"{path}/actions/{started['id']}")["action"]
            if current["status"] == "errored":
                msg = f"{action['type']} of {path} failed (action {started['id']})"
                raise ProviderError(msg)
            return bool(current["completed_at"]) or current["status"] == "completed"

        wait_until(done, f"{action['type']} of {path}", seconds=seconds, cancelled=cancelled)

    def _send(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> httpx.Response:
        for attempt in range(RETRIES + 1):
            pause = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
            try:
                answer = self._client().request(method, path, json=body, params=dict(query) or None)
            except httpx.TransportError as error:
                if attempt == RETRIES or method == "POST":
                    msg = f"{self._endpoint} does not answer: {error or type(error).__name__}"
                    raise ProviderError(msg) from error
            else:
                if answer.status_code not in RETRIED or attempt == RETRIES:
                    return answer
                pause = min(float(answer.headers.get("retry-after", pause)), LONGEST_PAUSE_SECONDS)
            time.sleep(pause)
        raise AssertionError

    def _client(self) -> httpx.Client:
        with self._lock:
            if self._http is None:
                if not self._token:
                    msg = (
                        "no DigitalOcean token: `pulumi config set --secret digitalocean:token <token>`, "
                        f"or set {TOKEN_VARIABLES[0]}"
                    )
                    raise ProviderError(msg)
                self._http = httpx.Client(
                    base_url=self._endpoint,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=TIMEOUT_SECONDS,
                )
            return self._http

    def _error(self, method: str, path: str, answer: httpx.Response) -> ProviderError:
        try:
            body = answer.json()
            reason = f"{body['message']} (request {body['request_id']})" if body.get("request_id") else body["message"]
        except (ValueError, KeyError, TypeError):
            reason = answer.text[:300] or answer.reason_phrase
        message = f"{method} {self._endpoint}/v2{path}: {answer.status_code} {reason}"
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return MissingError(message)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            return ProviderError(f"{message}: DigitalOcean refuses the token; set digitalocean:token to a valid one")
        if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, 422):
            return RefusedError(message)
        return ProviderError(message)


def wait_until(done: Callable[[], bool], what: str, *, seconds: float, cancelled: threading.Event) -> None:
    """Polls. ProviderError when the time is up or the user cancels."""
    deadline = time.monotonic() + seconds
    pause = POLL_SECONDS
    while not done():
        if time.monotonic() > deadline:
            msg = f"{what} is not done after {seconds:.0f} s"
            raise ProviderError(msg)
        if cancelled.wait(pause):
            msg = f"{what}: cancelled"
            raise ProviderError(msg)
        pause = min(pause * 1.3, POLL_LIMIT_SECONDS)
