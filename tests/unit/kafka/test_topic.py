"""Topics as resources: what preview refuses, what is replaced, what drift looks like, what create takes over."""

import json
from typing import Any

import httpx
import pytest

from infra.resources.common.api_login import ApiLogin
from infra.resources.common.keep_data import KEEP_DATA
from infra.resources.kafka import topic as kafka_topic
from infra.resources.kafka.client import KafkaRestClient, KafkaRestError, Lag
from infra.resources.kafka.topic import KafkaTopicProvider
from infra.resources.kafka.topic_settings import UNKNOWN

CLUSTER = "/v3/clusters/c1"
PROPS: dict[str, Any] = {
    "base_url": "http://edge:9000",
    "username": "admin",
    "password": "generated",
    "topic": "tracking-avro",
    "partitions": 4,
    "replication_factor": 1,
    "config": {"retention.ms": "3600000", "cleanup.policy": "delete"},
}


class Kafka:
    """Answers as the Kafka manager does; ``topics`` is name → (partitions, replicas, settings)."""

    def __init__(self) -> None:
        self.topics: dict[str, tuple[int, int, dict[str, str]]] = {}
        self.requests: list[str] = []
        self.outage = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.outage:
            self.outage -= 1
            return httpx.Response(502)
        if request.headers.get("Authorization") != httpx.BasicAuth("admin", "generated")._auth_header:
            return httpx.Response(401)
        if request.method != "GET":
            self.requests.append(f"{request.method} {request.url.path.removeprefix(CLUSTER)}")
        body = json.loads(request.content) if request.content else {}
        path = request.url.path
        if path == "/v3/clusters":
            return httpx.Response(200, json={"data": [{"cluster_id": "c1"}]})
        if path == f"{CLUSTER}/topics":
            config = {item["name"]: item["value"] for item in body["configs"]}
            self.topics[body["topic_name"]] = (body["partitions_count"], body["replication_factor"], config)
            return httpx.Response(201, json={})
        if path == f"{CLUSTER}/consumer-groups/g/lags":
            return httpx.Response(200, json={"data": [{"topic_name": "t", "partition_id": 2, "lag": 7}]})
        return self._topic(request, path.removeprefix(f"{CLUSTER}/topics/"), body)

    def _topic(  # noqa: PLR0911 - one answer an action
        self, request: httpx.Request, rest: str, body: dict[str, Any]
    ) -> httpx.Response:
        name, _, action = rest.partition("/")
        if name not in self.topics:
            return httpx.Response(404, json={"error_code": 40403, "message": f"there is no topic {name}"})
        partitions, replicas, config = self.topics[name]
        if action == "configs":
            data = [{"name": key, "value": value, "is_default": False} for key, value in config.items()]
            return httpx.Response(200, json={"data": [*data, {"name": "x", "value": "1", "is_default": True}]})
        if action == "configs:alter":
            for item in body["data"]:
                if item.get("operation") == "DELETE":
                    config.pop(item["name"])
                elif item["value"] == "-5":
                    return httpx.Response(400, json={"error_code": 40002, "message": "INVALID_CONFIG: -5"})
                else:
                    config[item["name"]] = item["value"]
            return httpx.Response(204)
        if request.method == "PATCH":
            self.topics[name] = (body["partitions_count"], replicas, config)
            return httpx.Response(200, json={})
        if request.method == "DELETE":
            del self.topics[name]
            return httpx.Response(204)
        return httpx.Response(200, json={"partitions_count": partitions, "replication_factor": replicas})


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    server = Kafka()

    def client(login: ApiLogin) -> KafkaRestClient:
        return KafkaRestClient(
            login.base_url,
            username=login.username,
            password=login.password,
            transport=httpx.MockTransport(server),
        )

    monkeypatch.setattr(kafka_topic, "_client", client)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return server


provider = KafkaTopicProvider()


def failures(olds: dict[str, Any], **changes: Any) -> dict[str, str]:
    found = provider.check(olds, {**PROPS, **changes}).failures
    return {failure.property: failure.reason for failure in found}


def test_sound_settings_pass_the_check() -> None:
    assert failures({}) == {}


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"topic": "bad name"}, "topic", "not a topic name"),
        ({"topic": ".."}, "topic", "not a topic name"),
        ({"topic": "x" * 250}, "topic", "not a topic name"),
        ({"partitions": 0}, "partitions", "at least 1, got 0"),
        ({"replication_factor": 0}, "replication_factor", "at least 1"),
        ({"config": {"retention.hours": "1"}}, "config.retention.hours", "did you mean retention.ms"),
        ({"config": {"retention.ms": "1h"}}, "config.retention.ms", "a whole number, got '1h'"),
        ({"config": {"cleanup.policy": "drop"}}, "config.cleanup.policy", "delete, compact"),
        ({"config": {"min.insync.replicas": "2"}}, "config.min.insync.replicas", "replication_factor is 1"),
    ],
)
def test_a_mistake_stops_the_preview_naming_the_property(changes: dict[str, Any], path: str, said: str) -> None:
    found = failures({}, **changes)
    assert list(found) == [path]
    assert said in found[path]


def test_values_not_known_yet_are_passed_over() -> None:
    assert failures({}, topic=UNKNOWN, partitions=UNKNOWN, config={"retention.ms": UNKNOWN}) == {}
    assert failures({}, config=UNKNOWN) == {}


def test_the_marker_of_unknown_values_is_pulumis() -> None:
    from pulumi.runtime import rpc  # noqa: PLC0415 - only here is the engine's own constant wanted

    assert rpc.UNKNOWN == UNKNOWN


def test_fewer_partitions_are_refused_with_the_way_out() -> None:
    assert "has 4, 3 given. Keep 4" in failures(PROPS, partitions=3)["partitions"]
    assert failures(PROPS, partitions=3, topic="another") == {}
    assert failures(PROPS, partitions=5) == {}


@pytest.mark.parametrize(
    ("changes", "changed", "replaces", "deleted_first"),
    [
        ({}, False, [], True),
        ({"password": "rotated"}, False, [], True),
        ({"username": "other"}, False, [], True),
        ({"partitions": 8}, True, [], True),
        ({"config": {}}, True, [], True),
        ({"topic": "other"}, True, ["topic"], False),
        ({"replication_factor": 3}, True, ["replication_factor"], True),
    ],
)
def test_diff(changes: dict[str, Any], *, changed: bool, replaces: list[str], deleted_first: bool) -> None:
    result = provider.diff("tracking-avro", PROPS, {**PROPS, **changes})
    assert result.changes is changed
    assert result.replaces == replaces
    assert result.delete_before_replace is deleted_first, "two topics of one name can't be side by side"


def test_create_waits_for_the_edge_and_makes_the_topic(kafka: Kafka) -> None:
    kafka.outage = 3
    assert provider.create(PROPS).id == "tracking-avro"
    assert kafka.topics == {"tracking-avro": (4, 1, PROPS["config"])}


def test_create_takes_over_a_topic_that_is_there(kafka: Kafka) -> None:
    kafka.topics["tracking-avro"] = (4, 1, dict(PROPS["config"]))
    provider.create(PROPS)
    assert kafka.requests == [], "nothing to change"


def test_create_brings_a_topic_that_is_there_to_its_settings(kafka: Kafka) -> None:
    kafka.topics["tracking-avro"] = (2, 1, {"retention.ms": "1", "max.message.bytes": "9"})
    provider.create(PROPS)
    assert kafka.topics["tracking-avro"] == (4, 1, PROPS["config"])


@pytest.mark.parametrize("present", [(6, 1), (4, 3)])
def test_create_refuses_a_topic_that_would_have_to_be_deleted(kafka: Kafka, present: tuple[int, int]) -> None:
    kafka.topics["tracking-avro"] = (*present, {})
    with pytest.raises(KafkaRestError, match="Delete it by hand, or configure what it has"):
        provider.create(PROPS)
    assert kafka.requests == []


def test_update_changes_only_what_differs_and_returns_everything(kafka: Kafka) -> None:
    provider.create(PROPS)
    kafka.requests.clear()
    news = {**PROPS, "partitions": 6, "config": {"retention.ms": "3600000"}}
    assert provider.update("tracking-avro", PROPS, news).outs == news
    assert kafka.requests == ["PATCH /topics/tracking-avro", "POST /topics/tracking-avro/configs:alter"]
    assert kafka.topics["tracking-avro"] == (6, 1, {"retention.ms": "3600000"})


@pytest.mark.usefixtures("kafka")
def test_update_says_why_kafka_refuses() -> None:
    provider.create(PROPS)
    with pytest.raises(KafkaRestError, match="INVALID_CONFIG: -5"):
        provider.update("tracking-avro", PROPS, {**PROPS, "config": {"retention.ms": "-5"}})


def test_read_finds_what_was_changed_by_hand(kafka: Kafka) -> None:
    provider.create(PROPS)
    assert provider.read("tracking-avro", PROPS).outs == PROPS
    kafka.topics["tracking-avro"] = (5, 1, {"retention.ms": "1"})
    result = provider.read("tracking-avro", PROPS)
    assert result.outs == result.inputs == {**PROPS, "partitions": 5, "config": {"retention.ms": "1"}}


@pytest.mark.usefixtures("kafka")
def test_read_finds_that_it_is_gone() -> None:
    result = provider.read("tracking-avro", PROPS)
    assert result.id is None
    assert result.outs == {}


def test_delete_is_fine_twice(kafka: Kafka) -> None:
    provider.create(PROPS)
    provider.delete("tracking-avro", PROPS)
    provider.delete("tracking-avro", PROPS)
    assert kafka.topics == {}


def test_a_topic_stays_where_the_data_is_kept_and_is_taken_over_later(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Druid keeps its place in the topic: a recreated one would be unread up to there."""
    provider.create(PROPS)
    kafka.requests.clear()
    monkeypatch.setenv(KEEP_DATA, "1")
    provider.delete("tracking-avro", PROPS)
    provider.create(PROPS)
    assert kafka.topics.keys() == {"tracking-avro"}
    assert kafka.requests == [], "nothing was deleted, nothing made"


@pytest.mark.usefixtures("kafka")
def test_a_wrong_login_is_said_at_once() -> None:
    with pytest.raises(KafkaRestError, match="refuses the login"):
        provider.create({**PROPS, "password": "wrong"})


def test_waiting_ends_with_what_was_seen(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    kafka.outage = 10**6
    clock = iter(range(10**6))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    with pytest.raises(KafkaRestError, match="after 120 s: 502"):
        provider.read("tracking-avro", PROPS)


def test_lags_of_a_group(kafka: Kafka) -> None:
    transport = httpx.MockTransport(kafka)
    with KafkaRestClient("http://edge", username="admin", password="generated", transport=transport) as client:
        assert client.lags("g") == [Lag("t", 2, 7)]
