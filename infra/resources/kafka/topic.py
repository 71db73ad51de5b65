"""A Kafka topic as a resource. Previews show each field; partitions are added in place; a refresh detects drift."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pulumi
from typing_extensions import override

from infra.resources.common.api_login import SECRET, ApiLogin, ApiLoginArgs
from infra.resources.common.keep_data import data_is_kept
from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.kafka.client import KafkaRestClient, KafkaRestError, Topic
from infra.resources.kafka.topic_settings import issues, shrinks


@dataclass(frozen=True, kw_only=True)
class TopicInputs(ApiLogin):
    """See TopicArgs."""

    topic: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]

    @property
    def wanted(self) -> Topic:
        """The desired topic."""
        return Topic(
            name=self.topic,
            partitions=self.partitions,
            replication_factor=self.replication_factor,
            config=dict(self.config),
        )


class KafkaTopicProvider(Provider[TopicInputs]):
    """Another name or replication factor replaces the topic; partitions and settings change in place."""

    replace_on = ("topic", "replication_factor")
    not_compared = ("username", "password")

    @override
    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        """Report what Kafka would reject, before anything is sent."""
        yield from issues(new)
        if reason := shrinks(old, new):
            yield "partitions", reason

    @override
    def deletes_first(self, old: State, new: State) -> bool:
        """The new topic has the same name, so the old one must be deleted first."""
        return old.get("topic") == new.get("topic")

    @override
    def create_resource(self, inputs: TopicInputs) -> tuple[str, State]:
        """Create the topic, or adopt an existing one if that loses no data."""
        with _client(inputs) as kafka:
            kafka.wait_until_up()
            present = kafka.topic(inputs.topic)
            if present is None:
                kafka.create_topic(inputs.wanted)
            else:
                _converge(kafka, present, inputs.wanted)
        return inputs.topic, {}

    @override
    def observe(self, id_: str, inputs: TopicInputs, state: State) -> Observed[TopicInputs] | None:
        """The topic as it is now; None if it no longer exists."""
        with _client(inputs) as kafka:
            kafka.wait_until_up()
            present = kafka.topic(id_)
        if present is None:
            return None
        return Observed(
            {
                "topic": present.name,
                "partitions": present.partitions,
                "replication_factor": present.replication_factor,
                "config": dict(present.config),
            }
        )

    @override
    def delete_resource(self, id_: str, inputs: TopicInputs, state: State) -> None:
        """Delete the topic and its records. If data is kept, both stay, and the next create adopts them.

        Druid remembers its offsets in the topic. It would not read the events of a recreated topic until they reach
        those offsets.
        """
        if data_is_kept():
            return
        with _client(inputs) as kafka:
            kafka.wait_until_up()
            kafka.delete_topic(id_)


def _converge(kafka: KafkaRestClient, present: Topic, wanted: Topic) -> None:
    if present.replication_factor != wanted.replication_factor or present.partitions > wanted.partitions:
        message = (
            f"topic {wanted.name} exists with {present.partitions} partitions and replication factor "
            f"{present.replication_factor}; {wanted.partitions} and {wanted.replication_factor} are configured, which "
            "requires a new topic. Delete it by hand, or configure what it has"
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


def _client(login: ApiLogin) -> KafkaRestClient:
    return KafkaRestClient(login.base_url, username=login.username, password=login.password)


@dataclass(frozen=True, kw_only=True)
class TopicArgs(ApiLoginArgs):
    """`base_url` is the Kafka manager's. `config` uses Kafka's names and strings: `{"retention.ms": "3600000"}`."""

    topic: pulumi.Input[str]
    partitions: pulumi.Input[int]
    replication_factor: pulumi.Input[int]
    config: pulumi.Input[Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)


class KafkaTopic(ManagedResource, module="kafka", name="Topic"):
    """A topic with these settings and no others."""

    topic: pulumi.Output[str]

    def __init__(self, name: str, args: TopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the topic."""
        super().__init__(KafkaTopicProvider(), name, args, opts, secret=SECRET)
