"""The Kafka manager: a page to inspect Kafka, and the HTTP API through which topics are managed."""

from collections.abc import Sequence

import pulumi

from infra.config import StackConfig
from infra.images.source import COMMON, SCHEMA, ImageSource
from infra.platform.kafka import GROUP, bootstrap_servers
from infra.swarm.admin_page import AdminPage
from infra.swarm.spec import HealthCheck, ServiceSpec
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="kafka-manager", mebibytes=77, shared=(COMMON, SCHEMA))
PAGE = AdminPage(name="kafkaManager", subdomain="kafka", target=9000, service="kafka-manager")


def kafka_manager_spec(config: StackConfig) -> ServiceSpec:
    """The service's spec. Only the edge publishes the page, behind its login."""
    return ServiceSpec(
        name="kafka-manager",
        source=IMAGE,
        memory=768,
        env={
            "KAFKA_MANAGER_BOOTSTRAP_SERVERS": bootstrap_servers(config.kafka),
            "KAFKA_MANAGER_AVRO_FRAMING": "raw" if config.tracking.confluent_schema_id is None else "confluent",
        },
        talks_to=(GROUP,),
        healthcheck=HealthCheck.http(9000, "/healthz"),
        page=PAGE,
    )


class KafkaManager(pulumi.ComponentResource):
    """The page and the API."""

    def __init__(self, stack: SwarmStack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after the broker."""
        super().__init__("clickstream:platform:KafkaManager", "kafka-manager")
        stack.run(kafka_manager_spec(stack.config), parent=self, after=after)
        self.register_outputs({})
