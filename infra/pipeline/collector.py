"""The collector: accepts events, and responds once they are durable."""

from collections.abc import Sequence
from typing import Any

import pulumi

from infra.config import KafkaConfig, StackConfig
from infra.config.environment import environment, text
from infra.config.tracking import TrackingConfig, UserIds
from infra.images.source import COMMON, SCHEMA, ImageSource
from infra.pipeline.write_keys import WriteKeys
from infra.platform.kafka import GROUP, bootstrap_servers
from infra.platform.topics import TRACKING_AVRO, TRACKING_DEAD, TRACKING_DEAD_NOTICES
from infra.swarm.spec import MIB, HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="collector", mebibytes=96, shared=(COMMON, SCHEMA))
COOKIELESS_SECRET = "cookieless-secret"  # noqa: S105  # a name, not the secret itself
USER_ID_SECRET = "user-id-secret"  # noqa: S105  # as above
WRITE_KEYS = "write-keys"

NOT_THE_COLLECTORS = ("tracker_script", "consent_required")
IN_OTHER_UNITS = ("duplicate_window_hours", "collector_spool_mib")


def tracking_environment(tracking: TrackingConfig) -> dict[str, str]:
    """The collector's settings from the stack's tracking section."""
    return {
        **environment("collector", tracking, leave_out=NOT_THE_COLLECTORS + IN_OTHER_UNITS),
        "COLLECTOR_DUPLICATE_WINDOW_SECONDS": text(tracking.duplicate_window_hours * 3600),
        "COLLECTOR_SPOOL_MAX_BYTES": text(tracking.collector_spool_mib * 1024 * 1024),
        # All replicas must derive the same identifiers for the same visitor.
        "COLLECTOR_COOKIELESS_SECRET_FILE": f"/run/secrets/{COOKIELESS_SECRET}" if tracking.cookieless else "",
        # Never rotated: with a different secret, every user would look new.
        "COLLECTOR_USER_ID_SECRET_FILE": f"/run/secrets/{USER_ID_SECRET}" if _hashes_users(tracking) else "",
    }


def _hashes_users(tracking: TrackingConfig) -> bool:
    return tracking.user_ids is UserIds.HASHED


def dead_letter_budget(kafka: KafkaConfig, replicas: int) -> dict[str, str]:
    """Limits on the dead letters that collectors write: at most half of the topic's size per retention period.

    Anybody can send invalid events. The other half is reserved for the dead letters of avro-to-json: accepted records.
    """
    quarter = kafka.topic_retention_mib * MIB // 4 // replicas
    return {
        "COLLECTOR_DEAD_LETTER_BURST": text(quarter),
        "COLLECTOR_DEAD_LETTER_RATE": text(max(1, quarter // (kafka.dead_letter_retention_hours * 3600))),
    }


def collector_spec(config: StackConfig) -> ServiceSpec:
    """The service's spec. Replicas can run side by side."""
    pipeline, tracking = config.pipeline, config.tracking
    return ServiceSpec(
        name="collector",
        source=IMAGE,
        memory=512,
        replicas=pipeline.collector_replicas,
        env={
            **tracking_environment(tracking),
            "COLLECTOR_SITES": config.sites.as_json,
            "COLLECTOR_IGNORED_REFERRERS": ",".join(tracking.ignored_referrers),
            "COLLECTOR_WRITE_KEYS_FILE": f"/run/secrets/{WRITE_KEYS}" if config.sites.have_write_keys else "",
            "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers(config.kafka),
            "COLLECTOR_TOPIC": TRACKING_AVRO,
            "COLLECTOR_DEAD_LETTER_TOPIC": TRACKING_DEAD,
            "COLLECTOR_DEAD_LETTER_NOTICE_TOPIC": TRACKING_DEAD_NOTICES,
            **dead_letter_budget(config.kafka, pipeline.collector_replicas),
            # The edge looks up addresses every 3 s. Until then it still sends requests, so keep serving them.
            "COLLECTOR_SHUTDOWN_DELAY": "4",
            # Events that Kafka has not confirmed by then go to the spool within the rest of the grace period.
            "COLLECTOR_SHUTDOWN_TIMEOUT": "12",
            "COLLECTOR_PRIVATE_VISITOR_IP": pipeline.private_visitor_ip,
            "COLLECTOR_TRUSTED_PROXIES": ",".join(config.edge.trusted_proxies),
            # Only the edge and Kafka share a network with the collector, and only the edge talks to it.
            "COLLECTOR_TRUSTED_PEERS": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
        },
        secrets={
            **({COOKIELESS_SECRET: COOKIELESS_SECRET} if tracking.cookieless else {}),
            **({USER_ID_SECRET: USER_ID_SECRET} if _hashes_users(tracking) else {}),
            **({WRITE_KEYS: WRITE_KEYS} if config.sites.have_write_keys else {}),
        },
        # Events that Kafka did not confirm in time wait here. Every task locks its own slot and also delivers the
        # events from unlocked slots on its node.
        volumes=(VolumeMount(volume="collector", path="/var/lib/collector", shared=True, durable=False),),
        talks_to=(GROUP,),
        # Not /ready, which fails while Kafka is unavailable and the disk is full. A restart would not help then, and a
        # collector that answers 503 with Retry-After is better than none.
        healthcheck=HealthCheck.http(8290, "/live"),
        stop_grace_period=30,
    )


class Collector(pulumi.ComponentResource):
    """The service."""

    write_keys: pulumi.Output[Any] | None = None
    """Secret: keys by site and name. None if no site has any."""

    def __init__(self, stack: SwarmStack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its topics."""
        super().__init__("clickstream:pipeline:Collector", "collector")
        if stack.config.sites.have_write_keys:
            keys = WriteKeys(stack.config.sites)
            self.write_keys = keys.by_site
            stack.add_secret(WRITE_KEYS, keys.file)
        stack.run(collector_spec(stack.config), parent=self, after=after)
        self.register_outputs({})
