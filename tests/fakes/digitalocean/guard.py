"""What stands before every request: the token, the rate limits, faults; and errors in the API's form."""

import asyncio
import logging
import secrets
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from tests.fakes.digitalocean.backend import BackendError
from tests.fakes.digitalocean.errors import ApiError
from tests.fakes.digitalocean.faults import HttpFault, Limits
from tests.fakes.digitalocean.messages import CLOUD, cloud_of

log = logging.getLogger("digitalocean")

API = "/v2/"
MINUTE, HOUR = 60.0, 3600.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Rate:
    """How many requests there were, in sliding windows."""

    def __init__(self) -> None:
        """None yet."""
        self._requests: deque[float] = deque()
        self._key_lists: deque[float] = deque()

    def count(self, limits: Limits, request: web.Request) -> dict[str, str]:
        """Counts one; returns the headers that tell how many are left.

        Raises:
            ApiError: with `retry-after`, when there were too many.
        """
        at = time.monotonic()
        while self._requests and self._requests[0] <= at - HOUR:
            self._requests.popleft()
        left = limits.requests_an_hour - len(self._requests)
        headers = {
            "ratelimit-limit": str(limits.requests_an_hour),
            "ratelimit-remaining": str(max(0, left - 1)),
            "ratelimit-reset": str(int(time.time() + (HOUR - at + self._requests[0] if self._requests else HOUR))),
        }
        if left <= 0:
            raise self._refusal(headers, HOUR - at + self._requests[0])
        burst = sum(moment > at - MINUTE for moment in self._requests)
        if burst >= limits.requests_a_minute:
            raise self._refusal(headers, MINUTE - at + self._requests[-limits.requests_a_minute])
        self._requests.append(at)
        if (request.method, request.path) == ("GET", "/v2/account/keys"):
            while self._key_lists and self._key_lists[0] <= at - MINUTE:
                self._key_lists.popleft()
            if len(self._key_lists) >= limits.key_lists_a_minute:
                raise self._refusal(headers, MINUTE - at + self._key_lists[0])
            self._key_lists.append(at)
        return headers

    @staticmethod
    def _refusal(headers: dict[str, str], seconds: float) -> ApiError:
        return ApiError(429, "API rate limit exceeded.", headers={**headers, "retry-after": str(max(1, int(seconds)))})


RATE = web.AppKey("rate", Rate)


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, for those who look on."""

    method: str
    path: str
    status: int
    body: str


Witness = Callable[[Exchange], None]
WITNESS: web.AppKey[Witness] = web.AppKey("witness")


def error_response(error: ApiError) -> web.Response:
    """As DigitalOcean writes errors."""
    body = {"id": error.identifier, "message": error.message, "request_id": str(uuid.uuid4())}
    return web.json_response(body, status=error.status, headers=error.headers)


def check_token(request: web.Request) -> None:
    """Every path of the API, and this simulator's own, needs the account's token."""
    given = request.headers.get("Authorization", "")
    if not secrets.compare_digest(given.encode(), f"Bearer {cloud_of(request).token}".encode()):
        raise ApiError(401, "Unable to authenticate you")


def _fault_answer(fault: HttpFault) -> ApiError:
    headers = {"retry-after": str(fault.retry_after)} if fault.retry_after is not None else {}
    return ApiError(fault.status or 500, fault.message, headers=headers)


async def _serve(request: web.Request, handler: Handler) -> web.StreamResponse:
    check_token(request)
    if not request.path.startswith(API):
        return await handler(request)
    cloud = request.app[CLOUD]
    headers = request.app[RATE].count(cloud.limits, request)
    fault = cloud.faults.take(request.method, request.path)
    if fault:
        await asyncio.sleep(fault.delay)
        if fault.status is not None and not fault.takes_effect:
            raise _fault_answer(fault)
    response = await handler(request)
    if fault and fault.status is not None:
        raise _fault_answer(fault)
    response.headers.update(headers)
    return response


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Around every handler."""
    try:
        response = await _serve(request, handler)
    except ApiError as error:
        response = error_response(error)
    except BackendError as error:
        log.error("%s %s: %s", request.method, request.path, error)  # noqa: TRY400  # the message says it all
        response = error_response(ApiError(503, str(error)))
    except web.HTTPException as error:
        if error.status not in (404, 405):
            raise
        message = f"the simulator has no {request.method} {request.path}"
        response = error_response(ApiError(501, message))
    except Exception:
        log.exception("%s %s", request.method, request.path)
        response = error_response(ApiError(500, "Server Error"))
    log.debug("%s %s %s", request.method, request.path_qs, response.status)
    if isinstance(response, web.Response) and request.path.startswith(API):
        request.app[WITNESS](Exchange(request.method, request.path, response.status, response.text or ""))
    return response
