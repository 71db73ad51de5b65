"""API errors: an HTTP status, an error code from Confluent REST v3, and a message."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ApiError(Exception):
    """A failed request."""

    def __init__(self, status: HTTPStatus, code: int, message: str) -> None:
        """``code`` is sent to the client as error_code."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def bad_request(message: str) -> ApiError:
    """The request is invalid."""
    return ApiError(HTTPStatus.BAD_REQUEST, 40002, message)


def not_found(message: str) -> ApiError:
    """The object in the path does not exist."""
    return ApiError(HTTPStatus.NOT_FOUND, 40403, message)


_STATUSES: Mapping[int, tuple[HTTPStatus, int]] = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: (HTTPStatus.NOT_FOUND, 40403),
    KafkaError._UNKNOWN_TOPIC: (HTTPStatus.NOT_FOUND, 40403),  # noqa: SLF001 - librdkafka's own code
    KafkaError.GROUP_ID_NOT_FOUND: (HTTPStatus.NOT_FOUND, 40403),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (HTTPStatus.FORBIDDEN, 40301),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (HTTPStatus.FORBIDDEN, 40301),
    KafkaError.GROUP_AUTHORIZATION_FAILED: (HTTPStatus.FORBIDDEN, 40301),
    KafkaError._TIMED_OUT: (HTTPStatus.SERVICE_UNAVAILABLE, 50301),  # noqa: SLF001
    KafkaError._TRANSPORT: (HTTPStatus.SERVICE_UNAVAILABLE, 50301),  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN: (HTTPStatus.SERVICE_UNAVAILABLE, 50301),  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT: (HTTPStatus.SERVICE_UNAVAILABLE, 50301),
    KafkaError.COORDINATOR_NOT_AVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, 50301),
    KafkaError.NOT_CONTROLLER: (HTTPStatus.SERVICE_UNAVAILABLE, 50301),
}


def of_kafka(error: KafkaError) -> ApiError:
    """Convert Kafka's error to an API error. Unlisted errors are the client's fault (invalid config, names…)."""
    status, code = _STATUSES.get(error.code(), (HTTPStatus.BAD_REQUEST, 40002))
    return ApiError(status, code, f"{error.name()}: {error.str()}")
