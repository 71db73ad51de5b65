"""The collector: takes events, answers when they are safe."""

from collections.abc import Sequence

import pulumi

from infra.config_tracking import TrackingConfig
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


def collector_spec(stack: Stack) -> ServiceSpec:
    """Several can run side by side."""
    pipeline, tracking = stack.config.pipeline, stack.config.tracking
    return ServiceSpec(
        name="collector",
        image="collector",
        memory=512,
        replicas=pipeline.collector_replicas,
        env={
            **tracking_environment(tracking),
            "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers(stack.config.kafka),
            "COLLECTOR_TOPIC": TRACKING_AVRO,
            "COLLECTOR_DEAD_LETTER_TOPIC": TRACKING_DEAD,
            "COLLECTOR_DEAD_LETTER_NOTICE_TOPIC": TRACKING_DEAD_NOTICES,
            # The edge asks for addresses every 3 s: until it knows better, requests come and are served.
            "COLLECTOR_SHUTDOWN_DELAY": "4",
            "COLLECTOR_PRIVATE_VISITOR_IP": pipeline.private_visitor_ip,
            # The overlay network has no members but this stack's services, and only the edge talks to the collector.
            "COLLECTOR_TRUSTED_PROXIES": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
        },
        secrets={COOKIELESS_SECRET: COOKIELESS_SECRET} if tracking.cookieless else {},
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
