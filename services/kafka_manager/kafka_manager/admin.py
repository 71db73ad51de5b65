"""A typed, asynchronous wrapper of librdkafka's blocking admin client, with the operations that the API needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,  # pyright: ignore[reportPrivateImportUsage]
    ConfigEntry,  # pyright: ignore[reportPrivateImportUsage]
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    ConfigSource,  # pyright: ignore[reportPrivateImportUsage]
    NewPartitions,  # pyright: ignore[reportPrivateImportUsage]
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
    OffsetSpec,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

from kafka_manager.errors import bad_request, not_found, of_kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from kafka_manager.settings import Settings


@dataclass(frozen=True)
class Broker:
    """A node of the cluster."""

    id: int
    host: str
    port: int


@dataclass(frozen=True)
class Cluster:
    """The cluster's identity and nodes."""

    id: str
    controller_id: int
    brokers: tuple[Broker, ...]


@dataclass(frozen=True)
class Topic:
    """A topic and its partitions' locations."""

    name: str
    internal: bool
    partitions: Mapping[int, Partition]

    @property
    def replication_factor(self) -> int:
        """Replicas of a partition."""
        return max((len(partition.replicas) for partition in self.partitions.values()), default=0)


@dataclass(frozen=True)
class Partition:
    """`leader` is -1 while there is none."""

    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True)
class Setting:
    """One configuration entry of a topic."""

    name: str
    value: str | None
    default: bool
    read_only: bool
    sensitive: bool
    source: str


@dataclass(frozen=True)
class Group:
    """A consumer group's state and assignment."""

    id: str
    state: str
    simple: bool
    assignor: str
    coordinator_id: int
    members: Mapping[tuple[str, int], Member]


@dataclass(frozen=True)
class Member:
    """A consumer in a group."""

    consumer_id: str
    instance_id: str | None
    client_id: str


@dataclass(frozen=True)
class Lag:
    """A group's lag on one partition. ``current`` is None if it never committed."""

    topic: str
    partition: int
    current: int | None
    end: int
    member: Member | None


class KafkaAdmin:
    """Every method raises ApiError if Kafka rejects the request or does not answer in time."""

    def __init__(self, settings: Settings) -> None:
        """Connects on first use and reconnects automatically."""
        self._timeout = settings.request_timeout_s
        self._client = AdminClient(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "client.id": "kafka-manager",
                "reconnect.backoff.max.ms": 2000,
                **settings.kafka_properties,
            }
        )

    async def cluster(self) -> Cluster:
        """Return the cluster's id, controller and brokers."""
        metadata = await self._call(lambda: self._client.list_topics(timeout=self._timeout))
        brokers = tuple(Broker(node.id, node.host, node.port) for _, node in sorted(metadata.brokers.items()))
        return Cluster(metadata.cluster_id, metadata.controller_id, brokers)

    async def topics(self) -> list[Topic]:
        """Return every topic, by name."""
        metadata = await self._call(lambda: self._client.list_topics(timeout=self._timeout))
        return [_topic(item) for _, item in sorted(metadata.topics.items()) if item.error is None]

    async def topic(self, name: str) -> Topic:
        """Return one topic. ApiError 404 if it does not exist."""
        found = next((topic for topic in await self.topics() if topic.name == name), None)
        if found is None:
            message = f"there is no topic {name}"
            raise not_found(message)
        return found

    async def create_topic(
        self, name: str, partitions: int, replication_factor: int, config: Mapping[str, str], *, validate_only: bool
    ) -> None:
        """Create a topic with the given settings."""
        topic = NewTopic(name, partitions, replication_factor, config=dict(config))
        await self._one(
            lambda: self._client.create_topics([topic], validate_only=validate_only, request_timeout=self._timeout)
        )

    async def delete_topic(self, name: str) -> None:
        """Delete a topic with all its records."""
        await self._one(lambda: self._client.delete_topics([name], request_timeout=self._timeout))

    async def set_partitions(self, name: str, count: int) -> None:
        """Increase the partitions to ``count``. Kafka cannot remove partitions."""
        current = len((await self.topic(name)).partitions)
        if count < current:
            message = f"{name} has {current} partitions, and Kafka cannot remove any; {count} requested"
            raise bad_request(message)
        if count > current:
            await self._one(
                lambda: self._client.create_partitions([NewPartitions(name, count)], request_timeout=self._timeout)
            )

    async def settings(self, name: str) -> list[Setting]:
        """Return a topic's configuration by name, including defaults."""
        await self.topic(name)
        resource = ConfigResource(ResourceType.TOPIC, name)
        entries = await self._one(lambda: self._client.describe_configs([resource], request_timeout=self._timeout))
        return [_setting(entry) for _, entry in sorted(entries.items())]

    async def alter_settings(self, name: str, changes: Mapping[str, str | None], *, validate_only: bool) -> None:
        """Set entries, or reset them to their default (None). Other entries stay unchanged."""
        await self.topic(name)
        entries = [
            ConfigEntry(
                key,
                "" if value is None else value,
                incremental_operation=AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET,
            )
            for key, value in changes.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        await self._one(
            lambda: self._client.incremental_alter_configs(
                [resource], validate_only=validate_only, request_timeout=self._timeout
            )
        )

    async def groups(self) -> list[Group]:
        """Return every consumer group, by id."""
        listed = await self._result(lambda: self._client.list_consumer_groups(request_timeout=self._timeout))
        names = sorted(group.group_id for group in listed.valid)
        return [await self.group(name) for name in names]

    async def group(self, name: str) -> Group:
        """Return one consumer group. ApiError 404 if it does not exist."""
        found = await self._one(lambda: self._client.describe_consumer_groups([name], request_timeout=self._timeout))
        if found.state.name == "DEAD":
            message = f"there is no consumer group {name}"
            raise not_found(message)
        return _group(found)

    async def lags(self, name: str) -> list[Lag]:
        """Return the group's lag by topic and partition, up to the last committed record."""
        group = await self.group(name)
        request = [ConsumerGroupTopicPartitions(name)]
        offsets = await self._one(
            lambda: self._client.list_consumer_group_offsets(request, request_timeout=self._timeout)
        )
        current = {(item.topic, item.partition): item.offset for item in offsets.topic_partitions}
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(*key): latest for key in {*current, *group.members}}
        if not wanted:
            return []
        futures = await self._call(lambda: self._client.list_offsets(wanted, request_timeout=self._timeout))
        ends = {(item.topic, item.partition): (await self._wait(future)).offset for item, future in futures.items()}
        return [
            Lag(*key, current=offset if (offset := current.get(key, -1)) >= 0 else None, end=end,
                member=group.members.get(key))
            for key, end in sorted(ends.items())
        ]  # fmt: skip

    async def _one(self, call: Callable[[], Mapping[Any, Future[Any]]]) -> Any:
        """Run a call that returns one future per object, for a single object."""
        futures = await self._call(call)
        return await self._wait(next(iter(futures.values())))

    async def _result(self, call: Callable[[], Future[Any]]) -> Any:
        return await self._wait(await self._call(call))

    async def _wait(self, future: Future[Any]) -> Any:
        return await self._call(lambda: future.result(self._timeout + 5))

    @staticmethod
    async def _call(call: Callable[[], Any]) -> Any:
        try:
            return await asyncio.to_thread(call)
        except KafkaException as error:
            raise of_kafka(error.args[0]) from error
        except (TypeError, ValueError) as error:  # librdkafka rejected the arguments
            raise bad_request(str(error)) from error


def _topic(item: Any) -> Topic:
    partitions = {
        number: Partition(part.leader, tuple(part.replicas), tuple(part.isrs))
        for number, part in sorted(item.partitions.items())
    }
    return Topic(item.topic, item.topic.startswith("__"), partitions)


def _setting(entry: Any) -> Setting:
    source = ConfigSource(entry.source).name
    return Setting(
        name=entry.name,
        value=None if entry.is_sensitive else entry.value,
        default=source != ConfigSource.DYNAMIC_TOPIC_CONFIG.name,
        read_only=entry.is_read_only,
        sensitive=entry.is_sensitive,
        source=source,
    )


def _group(found: Any) -> Group:
    members = {
        (item.topic, item.partition): Member(member.member_id, member.group_instance_id, member.client_id)
        for member in found.members
        for item in (member.assignment.topic_partitions if member.assignment else ())
    }
    return Group(
        id=found.group_id,
        state=found.state.name,
        simple=found.is_simple_consumer_group,
        assignor=found.partition_assignor,
        coordinator_id=found.coordinator.id if found.coordinator else -1,
        members=members,
    )
