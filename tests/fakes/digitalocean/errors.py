"""Errors in DigitalOcean's form: `{"id", "message", "request_id"}`."""

from collections.abc import Mapping

IDENTIFIERS = {
    400: "bad_request",
    401: "Unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    412: "precondition_failed",
    413: "payload_too_large",
    422: "unprocessable_entity",
    429: "too_many_requests",
    500: "server_error",
    501: "not_implemented",
    503: "service_unavailable",
}


class ApiError(Exception):
    """An answer that refuses."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        """`status` is the HTTP status; the identifier follows from it."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    @property
    def identifier(self) -> str:
        """As DigitalOcean names the status."""
        return IDENTIFIERS.get(self.status, "server_error")


def not_found() -> ApiError:
    """What DigitalOcean says of anything that is not there, or not yours."""
    return ApiError(404, "The resource you were accessing could not be found.")


def unprocessable(message: str) -> ApiError:
    """A request that is understood and refused."""
    return ApiError(422, message)


def forbidden(message: str) -> ApiError:
    """A request that the state of the account does not allow."""
    return ApiError(403, message)
