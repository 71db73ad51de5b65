"""The collector: takes events, answers when they are safe."""

from collections.abc import Sequence

import pulumi

from infra.config import StackConfig
from infra.config.tracking import TrackingConfig
from infra.platform.kafka import bootstrap_servers
from infra.platform.topics import TRACKING_AVRO, TRACKING_DEAD, TRACKING_DEAD_NOTICES
from infra.swarm.spec import HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import Stack

COOKIELESS_SECRET = "cookieless-secret"  # noqa: S105  # the secret's name, not its value


def tracking_environment(tracking: TrackingConfig) -> dict[str, str]:
    """The collector's settings for what a stack can choose about tracking."""
    schema_id = tracking.confluent_schema_id
    return {
        "COLLECTOR_PREFIX": tracking.collector_prefix,
        "COLLECTOR_EVENT_SUFFIX": tracking.collector_event_suffix,
        "COLLECTOR_BATCH_SUFFIX": tracking.collector_batch_suffix,
        "COLLECTOR_JSON_PATH": tracking.collector_json_path,
        "COLLECTOR_ALLOWED_ORIGINS": ",".join(tracking.allowed_origins),
        "COLLECTOR_PARTY_COOKIE": tracking.party_cookie,
        "COLLECTOR_SESSION_COOKIE": tracking.session_cookie,
        "COLLECTOR_ACKNOWLEDGE": tracking.acknowledge,
        "COLLECTOR_CONFLUENT_SCHEMA_ID": "" if schema_id is None else str(schema_id),
        "COLLECTOR_DUPLICATE_WINDOW_SECONDS": str(tracking.duplicate_window_hours * 3600),
        "COLLECTOR_SPOOL_MAX_BYTES": str(tracking.collector_spool_mi_b * 1024 * 1024),
        "COLLECTOR_BOT_SIGNALS": str(tracking.bot_signals),
        "COLLECTOR_PRIVACY_SIGNALS": tracking.privacy_signals,
        "COLLECTOR_IP_STORAGE": tracking.ip_storage,
        "COLLECTOR_COOKIELESS": str(tracking.cookieless).lower(),
        # Replicas must make the same identifiers of the same visitor.
        "COLLECTOR_COOKIELESS_SECRET_FILE": f"/run/secrets/{COOKIELESS_SECRET}" if tracking.cookieless else "",
        "COLLECTOR_CONSENT_PARAMETER": tracking.consent_parameter,
        "COLLECTOR_WITHOUT_CONSENT": tracking.without_consent,
    }


def collector_spec(config: StackConfig) -> ServiceSpec:
    """Several can run side by side."""
    pipeline, tracking = config.pipeline, config.tracking
    return ServiceSpec(
        name="collector",
        image="collector",
        memory=512,
        replicas=pipeline.collector_replicas,
        env={
            **tracking_environment(tracking),
            "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers(config.kafka),
            "COLLECTOR_TOPIC": TRACKING_AVRO,
            "COLLECTOR_DEAD_LETTER_TOPIC": TRACKING_DEAD,
            "COLLECTOR_DEAD_LETTER_NOTICE_TOPIC": TRACKING_DEAD_NOTICES,
            # The edge asks for addresses every 3 s: until it knows better, requests come and are served.
            "COLLECTOR_SHUTDOWN_DELAY": "4",
            # What Kafka has not confirmed then is written to the spool within the rest of the grace period.
            "COLLECTOR_SHUTDOWN_TIMEOUT": "12",
            "COLLECTOR_PRIVATE_VISITOR_IP": pipeline.private_visitor_ip,
            # The overlay network has no members but this stack's services, and only the edge talks to the collector.
            "COLLECTOR_TRUSTED_PROXIES": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
        },
        secrets={COOKIELESS_SECRET: COOKIELESS_SECRET} if tracking.cookieless else {},
        # Events that Kafka did not take in time wait here. Every task locks a slot of its own, and tasks on the same
        # node deliver what is in slots that nobody locks.
        volumes=(VolumeMount(volume="collector", path="/var/lib/collector", shared=True, durable=False),),
        # Not /ready: with Kafka away and the disk full it fails, a restart does not help, and a collector that answers
        # 503 with Retry-After is better than none.
        healthcheck=HealthCheck.http(8290, "/live"),
        stop_grace_period=30,
    )


class Collector(pulumi.ComponentResource):
    """The service."""

    def __init__(self, stack: Stack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its topics."""
        super().__init__("clickstream:pipeline:Collector", "collector")
        stack.run(collector_spec(stack.config), parent=self, after=after)
        self.register_outputs({})
