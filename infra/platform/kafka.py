"""Kafka in KRaft mode: one broker or three, each a controller as well."""

import base64
import uuid

import pulumi

from infra.config import KafkaConfig, StackConfig
from infra.images.source import ImageSource
from infra.swarm.spec import HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="kafka", mebibytes=59)
PORT, CONTROLLER_PORT = 9092, 9093
GROUP = "kafka"
"""All brokers together, for the services that talk to them."""

_ROLL_HOURS = 168
"""Kafka's default log.roll.hours. A record outlives its retention while its segment still accepts newer records."""
_MAX_MINUTES = 2**31 - 1


def asks(port: int) -> str:
    """A script that succeeds if Kafka answers a request on the port. A hung process only accepts connections."""
    # An ApiVersions request (key 18) and the first bytes of the response.
    return (
        f"exec 3<>/dev/tcp/127.0.0.1/{port} && "
        r"printf '\x00\x00\x00\x0c\x00\x12\x00\x00\x00\x00\x00\x01\x00\x02hc' >&3 && "
        "test $(timeout 4 head -c 8 <&3 | wc -c) -eq 8"
    )


def bootstrap_servers(config: KafkaConfig) -> str:
    """Every broker, so that clients can start while one is down."""
    return ",".join(f"{name}:{PORT}" for name in config.broker_names)


def offsets_retention_minutes(config: KafkaConfig) -> int:
    """How long a consumer group's position outlives its last use.

    Positions outlive every record, so a group without a position has never read the records that are left, and can
    safely start with the oldest. Kafka's default of one week is shorter than the retention of dead letters: a group
    that returns later would read them again.
    """
    kept = max(config.topic_retention_hours, config.dead_letter_retention_hours)
    return min((kept + _ROLL_HOURS + 24) * 60, _MAX_MINUTES)


def kafka_spec(config: StackConfig, number: int) -> ServiceSpec:
    """A broker, numbered from 1. The official apache/kafka image understands the same environment."""
    names = config.kafka.broker_names
    name, copies = names[number - 1], str(len(names))
    # The controller of a single broker has no peers, so it does not listen on the network.
    listen, hosts = ("localhost", ("localhost",)) if len(names) == 1 else ("", names)
    voters = ",".join(f"{voter}@{host}:{CONTROLLER_PORT}" for voter, host in enumerate(hosts, start=1))
    in_sync = str(max(1, len(names) - 1))
    heap = config.kafka.kafka_heap_mib
    # Constant per stack, so that a broker accepts a volume kept from an earlier deployment.
    cluster_id = base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, config.name).bytes).decode()[:22]
    return ServiceSpec(
        name=name,
        source=IMAGE,
        memory=heap * 2 + 192,
        env={
            "CLUSTER_ID": cluster_id,
            "KAFKA_HEAP_OPTS": f"-Xms{heap}m -Xmx{heap}m",
            "KAFKA_NODE_ID": str(number),
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": f"PLAINTEXT://:{PORT},CONTROLLER://{listen}:{CONTROLLER_PORT}",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{name}:{PORT}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": voters,
            "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": copies,
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "8",
            "KAFKA_OFFSETS_RETENTION_MINUTES": str(offsets_retention_minutes(config.kafka)),
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": copies,
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": in_sync,
            "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "8",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": copies,
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": in_sync,
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE": "16777216",
            "KAFKA_LOG_SEGMENT_BYTES": "67108864",
        },
        volumes=(VolumeMount(volume=name, path="/var/lib/kafka/data"),),
        group=GROUP,
        # Generated settings, and native libraries for compression.
        scratch=("/opt/kafka/config", "/tmp"),  # noqa: S108  # a mount of its own
        # A task's name is in DNS only once the task is healthy, but brokers answer only after the controllers have
        # found each other by name. So with several brokers, check the controller's port, which answers earlier.
        healthcheck=HealthCheck(command=("CMD", "bash", "-c", asks(PORT if len(names) == 1 else CONTROLLER_PORT))),
        stop_grace_period=60,
        # Each broker has its own block device.
        placement=name,
    )


def kafka_specs(config: StackConfig) -> list[ServiceSpec]:
    """Every broker."""
    return [kafka_spec(config, number) for number in range(1, config.kafka.kafka_brokers + 1)]


class Kafka(pulumi.ComponentResource):
    """The broker, or the brokers."""

    def __init__(self, stack: SwarmStack) -> None:
        """Declare the services one after the other, so that only one changes at a time."""
        super().__init__("clickstream:platform:Kafka", "kafka")
        before: list[pulumi.Resource] = []
        for spec in kafka_specs(stack.config):
            before = [stack.run(spec, parent=self, after=before)]
        self.register_outputs({})
