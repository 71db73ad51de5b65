"""Asking again where the answer was "later".

Around the client and not in its transport, as httpx-retries has it: a client that is given a transport no longer goes
through the proxies that the environment names.
"""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count

import httpx

BUSY = frozenset((HTTPStatus.TOO_MANY_REQUESTS, 500, 502, 503, 504))


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often, and after how many seconds: each pause is twice the one before, or as long as the answer asks for."""

    attempts: int
    first_pause: float
    longest_pause: float = 30
    statuses: Collection[int] = BUSY
    """Of answers that mean: later."""

    connections: int | None = None
    """Attempts while nobody answers; as many as the others if None."""

    def ask(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """The first answer that is not "later", or the last one.

        Raises:
            httpx.TransportError: nobody answers.
        """
        for attempt in count(1):
            pause = self.first_pause * 2 ** (attempt - 1)
            try:
                answer = send()
            except httpx.TransportError:
                if attempt >= (self.connections or self.attempts):
                    raise
            else:
                if answer.status_code not in self.statuses or attempt >= self.attempts:
                    return answer
                with suppress(ValueError):
                    pause = max(pause, float(answer.headers.get("retry-after", "")))
            time.sleep(min(pause, self.longest_pause))
        raise AssertionError
