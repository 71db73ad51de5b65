"""Kafka in KRaft mode: one broker that is its own controller."""

import base64
import uuid

import pulumi

from infra.swarm.spec import HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import Stack

BOOTSTRAP_SERVERS = "kafka:9092"


def kafka_spec(stack: Stack) -> ServiceSpec:
    """The broker. Environment as the official apache/kafka image takes it, so that that one works too."""
    heap = stack.config.kafka.kafka_heap_mi_b
    # Stays the same for the same stack, so that a broker finds itself again on a volume that was kept.
    cluster_id = base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, stack.config.name).bytes).decode()[:22]
    return ServiceSpec(
        name="kafka",
        image="kafka",
        memory=heap * 2 + 192,
        env={
            "CLUSTER_ID": cluster_id,
            "KAFKA_HEAP_OPTS": f"-Xms{heap}m -Xmx{heap}m",
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://localhost:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{BOOTSTRAP_SERVERS}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "8",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "8",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE": "16777216",
            "KAFKA_LOG_SEGMENT_BYTES": "67108864",
        },
        volumes=(VolumeMount(volume="kafka", path="/var/lib/kafka/data"),),
        # An API versions request (key 18) and the first bytes of its answer: the broker itself, not only its port.
        healthcheck=HealthCheck(
            command=(
                "CMD",
                "bash",
                "-c",
                "exec 3<>/dev/tcp/127.0.0.1/9092 && "
                r"printf '\x00\x00\x00\x0c\x00\x12\x00\x00\x00\x00\x00\x01\x00\x02hc' >&3 && "
                "test $(timeout 4 head -c 8 <&3 | wc -c) -eq 8",
            ),
        ),
        stop_grace_period=60,
        constraints=tuple(stack.swarm.placement.get("kafka", ())),
    )


class Kafka(pulumi.ComponentResource):
    """The broker."""

    def __init__(self, stack: Stack) -> None:
        """Declare the service."""
        super().__init__("clickstream:platform:Kafka", "kafka")
        stack.run(kafka_spec(stack), parent=self)
        self.register_outputs({})
