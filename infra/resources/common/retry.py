"""Retries and polling."""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

BUSY = frozenset((HTTPStatus.TOO_MANY_REQUESTS, 500, 502, 503, 504))


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often to retry, and when: each pause is twice the one before, or as long as the response asks for.

    It wraps the client, not its transport as httpx-retries does: a client with a custom transport ignores the proxies
    that the environment names.
    """

    attempts: int
    first_pause: float
    longest_pause: float = 30
    statuses: Collection[int] = BUSY
    """Responses with these statuses are retried."""

    connections: int | None = None
    """Attempts if the server cannot be reached; `attempts` if None."""

    def call(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """The first response that needs no retry, or the last one.

        Raises:
            httpx.TransportError: the server cannot be reached.
        """
        attempt, pause = 1, self.first_pause
        while True:
            asked_for = 0.0
            try:
                answer = send()
            except httpx.TransportError:
                if attempt >= (self.connections or self.attempts):
                    raise
            else:
                if answer.status_code not in self.statuses or attempt >= self.attempts:
                    return answer
                with suppress(ValueError):
                    asked_for = float(answer.headers.get("retry-after", ""))
            time.sleep(min(max(pause, asked_for), self.longest_pause))
            attempt, pause = attempt + 1, pause * 2


class Deadline:
    """Polls for a number of seconds."""

    def __init__(self, seconds: float, *, pause: float = 0.5) -> None:
        """The time starts now. `pause` is the seconds between two polls."""
        self._end = time.monotonic() + seconds
        self._pause = pause

    @property
    def seconds_left(self) -> float:
        """Negative once the time is up."""
        return self._end - time.monotonic()

    def wait(self) -> bool:
        """Sleep until the next poll. Returns False at once if the time is up."""
        if self.seconds_left < 0:
            return False
        time.sleep(self._pause)
        return True


def wait_until_ok(
    http: httpx.Client, path: str, *, server: str, error: Callable[[str], Exception], seconds: float, **arguments: Any
) -> httpx.Response:
    """The first response with status 200. `server` is its name in errors; `arguments` are those of `httpx.Client.get`.

    Raises:
        Exception: `error`, if there is no such response in time, or the edge refuses the login.
    """
    deadline = Deadline(seconds)
    while True:
        try:
            answer = http.get(path, **arguments)
        except httpx.TransportError as failure:
            last = str(failure) or type(failure).__name__
        else:
            if answer.status_code == HTTPStatus.OK:
                return answer
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                message = f"{http.base_url} refuses the login of the edge (401)"
                raise error(message)
            last = f"{answer.status_code} {answer.text[:200]}"
        if not deadline.wait():
            message = f"{server} does not answer at {http.base_url} after {seconds:.0f} s: {last}"
            raise error(message)
