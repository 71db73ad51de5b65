"""avro-to-json: turns every Avro event into the JSON that Druid reads, exactly once."""

from collections.abc import Sequence

import pulumi

from infra.platform.kafka import BOOTSTRAP_SERVERS
from infra.platform.topics import TRACKING_AVRO, TRACKING_DEAD, TRACKING_JSON
from infra.swarm.spec import HealthCheck, ServiceSpec
from infra.swarm.stack import Stack


def avro_to_json_spec(stack: Stack) -> ServiceSpec:
    """Replicas share the partitions of tracking-avro."""
    schema_id = stack.config.tracking.confluent_schema_id
    framing = {"AVRO_TO_JSON_FRAMING": "naked"}
    if schema_id is not None:
        framing = {"AVRO_TO_JSON_FRAMING": "confluent", "AVRO_TO_JSON_WRITER_SCHEMA_ID": str(schema_id)}
    return ServiceSpec(
        name="avro-to-json",
        image="avro-to-json",
        memory=512,
        replicas=stack.config.pipeline.converter_replicas,
        env={
            **framing,
            "AVRO_TO_JSON_BOOTSTRAP_SERVERS": BOOTSTRAP_SERVERS,
            "AVRO_TO_JSON_INPUT_TOPIC": TRACKING_AVRO,
            "AVRO_TO_JSON_OUTPUT_TOPIC": TRACKING_JSON,
            "AVRO_TO_JSON_DEAD_LETTER_TOPIC": TRACKING_DEAD,
        },
        # Alive, not caught up: killing a converter that is behind would put it further behind.
        healthcheck=HealthCheck.http(9400, "/live"),
        stop_grace_period=30,
        constraints=tuple(stack.swarm.placement.get("avro-to-json", ())),
    )


class AvroToJson(pulumi.ComponentResource):
    """The service."""

    def __init__(self, stack: Stack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its topics."""
        super().__init__("clickstream:pipeline:AvroToJson", "avro-to-json")
        stack.run(avro_to_json_spec(stack), parent=self, after=after)
        self.register_outputs({})
