"""avro-to-json: converts every Avro event to the JSON that Druid reads, exactly once."""

from collections.abc import Sequence

import pulumi

from infra.config import StackConfig
from infra.config.environment import text
from infra.images.source import COMMON, SCHEMA, ImageSource
from infra.platform.kafka import GROUP, bootstrap_servers
from infra.platform.topics import TRACKING_AVRO, TRACKING_DEAD, TRACKING_DEAD_NOTICES, TRACKING_JSON
from infra.swarm.spec import HealthCheck, ServiceSpec
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="avro-to-json", mebibytes=75, shared=(COMMON, SCHEMA))


def avro_to_json_spec(config: StackConfig) -> ServiceSpec:
    """Replicas share the partitions of tracking-avro."""
    pipeline = config.pipeline
    return ServiceSpec(
        name="avro-to-json",
        source=IMAGE,
        memory=512,
        replicas=pipeline.converter_replicas,
        env={
            "AVRO_TO_JSON_BOOTSTRAP_SERVERS": bootstrap_servers(config.kafka),
            "AVRO_TO_JSON_INPUT_TOPIC": TRACKING_AVRO,
            "AVRO_TO_JSON_OUTPUT_TOPIC": TRACKING_JSON,
            "AVRO_TO_JSON_DEAD_LETTER_TOPIC": TRACKING_DEAD,
            "AVRO_TO_JSON_DEAD_LETTER_NOTICE_TOPIC": TRACKING_DEAD_NOTICES,
            "AVRO_TO_JSON_DELIVERY": pipeline.converter_delivery,
            "AVRO_TO_JSON_KEEP_NULLS": text(pipeline.converter_keep_nulls),
            # Schemas of records that an earlier version of the collector wrote.
            "AVRO_TO_JSON_WRITER_SCHEMAS_DIR": "/schema/writers",
            **_framing(config.tracking.confluent_schema_id),
        },
        talks_to=(GROUP,),
        # Liveness, not readiness: killing a converter that is behind would put it further behind.
        healthcheck=HealthCheck.http(9400, "/live"),
        stop_grace_period=30,
        # The transactional id is the host name, so an old task and its successor would fence each other.
        exclusive=True,
    )


def _framing(schema_id: int | None) -> dict[str, str]:
    if schema_id is None:
        return {}
    return {
        "AVRO_TO_JSON_FRAMING": "confluent",
        "AVRO_TO_JSON_SCHEMA_ID": str(schema_id),
    }


class AvroToJson(pulumi.ComponentResource):
    """The service."""

    def __init__(self, stack: SwarmStack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its topics."""
        super().__init__("clickstream:pipeline:AvroToJson", "avro-to-json")
        stack.run(avro_to_json_spec(stack.config), parent=self, after=after)
        self.register_outputs({})
