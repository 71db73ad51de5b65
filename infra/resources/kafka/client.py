"""A small typed client for topics, by an HTTP API like Confluent's REST v3."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx

from infra.resources.common.retry import Deadline, wait_until_ok
from infra.resources.common.ssh_transport import http_client


class KafkaRestError(Exception):
    """Kafka refused a request or did not answer."""


@dataclass(frozen=True)
class Topic:
    """A topic. `config` has its own settings, without defaults."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Lag:
    """Number of records of a partition that a consumer group has not read yet."""

    topic: str
    partition: int
    records: int


class KafkaRestClient:
    """Talks to the Kafka manager. Requests have a time limit and are not retried, except by `wait_until_up`."""

    def __init__(
        self, base_url: str, *, username: str, password: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        """The login is the edge's."""
        self._http = http_client(base_url, auth=(username, password), timeout=60, transport=transport)
        self._cluster_id: str | None = None

    def __enter__(self) -> Self:
        """Use as a context manager, so that the connection is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._http.close()

    def wait_until_up(self, timeout: float = 120) -> None:
        """Return once edge, manager and broker answer. `timeout` is in seconds."""
        answer = wait_until_ok(self._http, "/v3/clusters", server="Kafka", error=KafkaRestError, seconds=timeout)
        self._cluster_id = str(answer.json()["data"][0]["cluster_id"])

    def topic(self, name: str) -> Topic | None:
        """The topic; None if there is none of that name."""
        response = self._http.get(f"{self._topics()}/{name}")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        found = self._checked(response).json()
        entries = self._request("GET", f"{self._topics()}/{name}/configs").json()["data"]
        return Topic(
            name=name,
            partitions=int(found["partitions_count"]),
            replication_factor=int(found["replication_factor"]),
            config={str(item["name"]): str(item["value"]) for item in entries if not item["is_default"]},
        )

    def create_topic(self, topic: Topic, timeout: float = 30) -> None:
        """Create a topic, and return once the broker lists it. `timeout` is in seconds."""
        body = {
            "topic_name": topic.name,
            "partitions_count": topic.partitions,
            "replication_factor": topic.replication_factor,
            "configs": [{"name": key, "value": value} for key, value in sorted(topic.config.items())],
        }
        self._request("POST", self._topics(), json=body)
        deadline = Deadline(timeout, pause=0.2)
        while (seen := self.topic(topic.name)) is None or seen.partitions < topic.partitions:
            if not deadline.wait():
                message = f"Kafka accepted topic {topic.name}, but does not list it {timeout:.0f} s later"
                raise KafkaRestError(message)

    def set_partitions(self, name: str, partitions: int) -> None:
        """Add partitions until the topic has that many."""
        self._request("PATCH", f"{self._topics()}/{name}", json={"partitions_count": partitions})

    def alter_config(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Change settings, or reset them to their default (None). Other settings stay."""
        data = [
            {"name": key, "operation": "DELETE"} if value is None else {"name": key, "value": value}
            for key, value in sorted(changes.items())
        ]
        self._request("POST", f"{self._topics()}/{name}/configs:alter", json={"data": data})

    def delete_topic(self, name: str) -> None:
        """Delete the topic with all its records, if it exists."""
        response = self._http.delete(f"{self._topics()}/{name}")
        if response.status_code != HTTPStatus.NOT_FOUND:
            self._checked(response)

    def newest(self, topic: str, limit: int) -> list[str]:
        """The text values among the newest committed records, oldest first."""
        data = self._request("GET", f"{self._topics()}/{topic}/records", params={"limit": limit}).json()["data"]
        return [str(item["value"]["data"]) for item in data if (item["value"] or {}).get("type") == "STRING"]

    def lags(self, group: str) -> list[Lag]:
        """How far a consumer group is behind, partition by partition."""
        data = self._request("GET", f"/v3/clusters/{self._cluster()}/consumer-groups/{group}/lags").json()["data"]
        return [Lag(str(item["topic_name"]), int(item["partition_id"]), int(item["lag"])) for item in data]

    def _topics(self) -> str:
        return f"/v3/clusters/{self._cluster()}/topics"

    def _cluster(self) -> str:
        if self._cluster_id is None:
            self._cluster_id = str(self._request("GET", "/v3/clusters").json()["data"][0]["cluster_id"])
        return self._cluster_id

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self._checked(self._http.request(method, path, **arguments))

    @staticmethod
    def _checked(response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        try:
            reason = response.json()["message"]
        except (ValueError, KeyError, TypeError):
            reason = response.text[:300]
        request = response.request
        message = f"Kafka answers {response.status_code} to {request.method} {request.url.path}: {reason}"
        raise KafkaRestError(message)
