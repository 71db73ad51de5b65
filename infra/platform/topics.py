"""The pipeline's Kafka topics."""

from collections.abc import Sequence

import pulumi

from infra.config import KafkaConfig
from infra.platform.edge import Edge
from infra.platform.kafka_manager import PAGE
from infra.resources.kafka.topic import KafkaTopic, TopicArgs
from infra.swarm.spec import MIB
from infra.swarm.stack import SwarmStack

TRACKING_AVRO = "tracking-avro"
TRACKING_JSON = "tracking-json"
TRACKING_DEAD = "tracking-dead"
TRACKING_DEAD_NOTICES = "tracking-dead-notices"
"""One line of JSON per dead letter, with the fields of services/schema/dead_letter.avsc. Druid reads this topic."""
HOUR_MS = 3_600_000


def topic_settings(config: KafkaConfig) -> dict[str, tuple[int, dict[str, str]]]:
    """Partitions and settings of each topic. Retention is limited by time and by bytes per partition."""
    shared = {"min.insync.replicas": str(max(1, config.topic_replication - 1)), "cleanup.policy": "delete"}
    tracking = {
        **shared,
        "retention.ms": str(config.topic_retention_hours * HOUR_MS),
        "retention.bytes": str(config.topic_retention_mib * MIB),
    }
    notices = {**tracking, "retention.ms": str(config.dead_letter_retention_hours * HOUR_MS)}
    dead = {
        **notices,
        # Fits the largest record that the broker accepts, plus the headers with the reason.
        "max.message.bytes": str(2 * MIB),
    }
    return {
        TRACKING_AVRO: (config.topic_partitions, tracking),
        TRACKING_JSON: (config.topic_partitions, tracking),
        TRACKING_DEAD: (1, dead),
        TRACKING_DEAD_NOTICES: (1, notices),
    }


class Topics(pulumi.ComponentResource):
    """tracking-avro, tracking-json, tracking-dead and its notices."""

    def __init__(self, stack: SwarmStack, *, edge: Edge, after: Sequence[pulumi.Resource]) -> None:
        """Declare the topics, managed through the edge."""
        super().__init__("clickstream:platform:Topics", "topics")
        for name, (partitions, settings) in topic_settings(stack.config.kafka).items():
            KafkaTopic(
                name,
                TopicArgs(
                    base_url=edge.api.pages[PAGE],
                    username=edge.admin_user,
                    password=edge.admin_password,
                    topic=name,
                    partitions=partitions,
                    replication_factor=stack.config.kafka.topic_replication,
                    config=settings,
                ),
                pulumi.ResourceOptions(parent=self, depends_on=[edge, *after], deleted_with=stack.swarm.deleted_with),
            )
        self.register_outputs({})
