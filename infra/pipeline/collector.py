"""The collector: takes events, answers when they are safe."""

from collections.abc import Sequence

import pulumi

from infra.platform.kafka import BOOTSTRAP_SERVERS
from infra.platform.topics import TRACKING_AVRO, TRACKING_DEAD
from infra.swarm.spec import HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import Stack


def collector_spec(stack: Stack) -> ServiceSpec:
    """Several can run side by side."""
    pipeline = stack.config.pipeline
    return ServiceSpec(
        name="collector",
        image="collector",
        memory=512,
        replicas=pipeline.collector_replicas,
        env={
            "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": BOOTSTRAP_SERVERS,
            "COLLECTOR_TOPIC": TRACKING_AVRO,
            "COLLECTOR_DEAD_LETTER_TOPIC": TRACKING_DEAD,
            "COLLECTOR_PRIVATE_VISITOR_IP": pipeline.private_visitor_ip,
            # The overlay network has no members but this stack's services, and only the edge talks to the collector.
            "COLLECTOR_TRUSTED_PROXIES": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
        },
        # Events that Kafka did not take in time wait here; every task locks a slot of its own.
        volumes=(VolumeMount(volume="collector", path="/var/lib/collector", shared=True),),
        healthcheck=HealthCheck.http(8290, "/ready"),
        stop_grace_period=30,
        constraints=tuple(stack.swarm.placement.get("collector", ())),
    )


class Collector(pulumi.ComponentResource):
    """The service."""

    def __init__(self, stack: Stack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its topics."""
        super().__init__("clickstream:pipeline:Collector", "collector")
        stack.run(collector_spec(stack), parent=self, after=after)
        self.register_outputs({})
