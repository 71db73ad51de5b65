"""A Kafka topic as a resource: previewed, diffed by field, grown in place, its drift found."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from infra.resources.clients.kafka_rest import KafkaRestClient, KafkaRestError, Topic
from infra.resources.kept_data import data_is_kept
from infra.resources.topic_settings import mistakes, shrinks

IDENTITY = ("topic", "replication_factor")
COMPARED = ("base_url", "partitions", "config")


class KafkaTopicProvider(ResourceProvider):
    """State: the inputs. The login is an input, but no reason for an update."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """What Kafka would refuse, found before anything is sent."""
        failures = [CheckFailure(path, reason) for path, reason in mistakes(news)]
        if reason := shrinks(olds, news):
            failures.append(CheckFailure("partitions", reason))
        return CheckResult(news, failures)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another name or replication factor is another topic; more partitions and settings come in place."""
        replaces = [key for key in IDENTITY if olds.get(key) != news.get(key)]
        changed = bool(replaces) or any(olds.get(key) != news.get(key) for key in COMPARED)
        # Under the same name the old topic has to go first.
        same_name = olds.get("topic") == news.get("topic")
        return DiffResult(changes=changed, replaces=replaces, delete_before_replace=same_name)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create; a topic that is there already is taken over if nothing in it has to be lost for it."""
        wanted = _wanted(props)
        with _client(props) as kafka:
            kafka.wait_until_up()
            present = kafka.topic(wanted.name)
            if present is None:
                kafka.create_topic(wanted)
            else:
                _converge(kafka, present, wanted)
        return CreateResult(wanted.name, props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Make partitions and settings as they should be, whatever they are now."""
        wanted = _wanted(news)
        with _client(news) as kafka:
            kafka.wait_until_up()
            present = kafka.topic(wanted.name)
            if present is None:
                kafka.create_topic(wanted)
            else:
                _converge(kafka, present, wanted)
        return UpdateResult(news)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The topic as it is; None if it is gone."""
        with _client(props) as kafka:
            kafka.wait_until_up()
            present = kafka.topic(id_)
        if present is None:
            return ReadResult(None, {})
        seen = {
            **props,
            "topic": present.name,
            "partitions": present.partitions,
            "replication_factor": present.replication_factor,
            "config": dict(present.config),
        }
        return ReadResult(id_, seen, dict(seen))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Delete the topic and its records; where the data is kept, both stay, and the next create takes them over.

        Druid keeps its place in the topic: events of a topic made anew would be unread until they reach that place.
        """
        if data_is_kept():
            return
        with _client(props) as kafka:
            kafka.wait_until_up()
            kafka.delete_topic(id_)


def _converge(kafka: KafkaRestClient, present: Topic, wanted: Topic) -> None:
    if present.replication_factor != wanted.replication_factor or present.partitions > wanted.partitions:
        message = (
            f"topic {wanted.name} exists with {present.partitions} partitions and replication factor "
            f"{present.replication_factor}; {wanted.partitions} and {wanted.replication_factor} are asked for, "
            "which can't be had without deleting it. Delete it by hand, or ask for what it has"
        )
        raise KafkaRestError(message)
    if present.partitions < wanted.partitions:
        kafka.set_partitions(wanted.name, wanted.partitions)
    changes: dict[str, str | None] = {
        key: value for key, value in wanted.config.items() if present.config.get(key) != value
    }
    changes |= dict.fromkeys(present.config.keys() - wanted.config.keys())
    if changes:
        kafka.alter_config(wanted.name, changes)


def _wanted(props: Mapping[str, Any]) -> Topic:
    return Topic(
        name=str(props["topic"]),
        partitions=int(props["partitions"]),
        replication_factor=int(props["replication_factor"]),
        config={str(key): str(value) for key, value in props["config"].items()},
    )


def _client(props: Mapping[str, Any]) -> KafkaRestClient:
    return KafkaRestClient(str(props["base_url"]), username=str(props["username"]), password=str(props["password"]))


class KafkaTopic(Resource, module="kafka", name="Topic"):
    """A topic with the settings given and no others.

    `base_url` is the Kafka manager's, `username` and `password` the edge's login, `config` Kafka's own names and
    texts, for example `{"retention.ms": "3600000"}`.
    """

    topic: pulumi.Output[str]

    def __init__(  # noqa: PLR0913 - one a property, all by name
        self,
        name: str,
        *,
        base_url: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        topic: pulumi.Input[str],
        partitions: pulumi.Input[int],
        replication_factor: pulumi.Input[int],
        config: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the topic."""
        super().__init__(
            KafkaTopicProvider(),
            name,
            {
                "base_url": base_url,
                "username": username,
                "password": pulumi.Output.secret(password),
                "topic": topic,
                "partitions": partitions,
                "replication_factor": replication_factor,
                "config": config or {},
            },
            opts,
        )
