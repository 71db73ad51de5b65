"""Validation across sections."""

from collections.abc import Iterator

from infra.config.druid_disk import druid_disk_problems
from infra.config.sections import Sections
from infra.config.types import PROJECT, Target, Tls
from infra.config.website import DEMO

DIGITALOCEAN_REGISTRY = "registry.digitalocean.com"


def cross_section_problems(sections: Sections) -> list[str]:
    """Every problem that involves several sections, each with its key."""
    problems = [*_pipeline_problems(sections), *_login_problems(sections), *_kafka_problems(sections)]
    if sections.target is Target.DIGITALOCEAN:
        problems += _registry_problems(sections)
        problems += _edge_problems(sections)
        problems += druid_disk_problems(sections)
    return [f"{PROJECT}:{problem}" for problem in problems]


def _pipeline_problems(sections: Sections) -> Iterator[str]:
    kafka, pipeline, druid = sections.kafka, sections.pipeline, sections.druid
    for key, value in (
        ("converterReplicas", pipeline.converter_replicas),
        ("druidTaskCount", druid.druid_task_count),
    ):
        if value > kafka.topic_partitions:
            yield (
                f"{key}: {value} given; at most topicPartitions ({kafka.topic_partitions}) is allowed, because each "
                "partition has one reader"
            )
    shop_only = {
        "googleAnalyticsId": pipeline.google_analytics_id,
        "clarityId": pipeline.clarity_id,
        "ipstackAccessKey": pipeline.ipstack_access_key.get_secret_value(),
    }
    if pipeline.website != DEMO:
        for key in (key for key, value in shop_only.items() if value):
            yield f"{key}: given, but only the pages of website `{DEMO}` use it, and website is `{pipeline.website}`"


def _login_problems(sections: Sections) -> Iterator[str]:
    viewer = sections.superset.viewer_user
    if viewer == sections.edge.admin_user:
        yield f"viewerUser: {viewer!r} given, the same as adminUser; choose another name for the viewer"
    taken = {sections.edge.admin_user: "adminUser", viewer: "viewerUser"}
    for number, site in enumerate(sections.sites.sites):
        if other := taken.get(site.viewer):
            yield (
                f"sites[{number}].viewer: {site.viewer!r} given, the same as {other}, who sees all sites; "
                "choose another name"
            )


def _kafka_problems(sections: Sections) -> Iterator[str]:
    target, brokers, replication = sections.target, sections.brokers, sections.kafka.topic_replication
    if brokers == 2:
        yield "kafkaBrokers: 2 given; with two, losing either stops Kafka: use 1 or 3"
    most = sections.digitalocean.shape.brokers if target is Target.DIGITALOCEAN else 1
    if brokers > most:
        where = f"preset `{sections.digitalocean.preset}`" if target is Target.DIGITALOCEAN else "target local"
        yield f"kafkaBrokers: {brokers} given; {where} has room for {most}; three need preset `ha`"
    elif replication > brokers:
        word = "one broker, so 1 is" if brokers == 1 else f"{brokers} brokers, so at most {brokers} is"
        yield f"topicReplication: {replication} given; target {target} has {word} allowed"


def _registry_problems(sections: Sections) -> Iterator[str]:
    server, tier = sections.images.registry_server, sections.digitalocean.registry_tier
    if not server:
        yield (
            "registryServer: empty; droplets pull their images from a registry, "
            f"for example {DIGITALOCEAN_REGISTRY}/clickstream"
        )
    host, _, path = server.partition("/")
    if host == DIGITALOCEAN_REGISTRY and (not path or "/" in path):
        yield f"registryServer: {server!r} given; allowed: {DIGITALOCEAN_REGISTRY}/<name of the registry>"
    if server and host != DIGITALOCEAN_REGISTRY and tier != "existing":
        yield f"registryTier: {tier} given; only {DIGITALOCEAN_REGISTRY} has tiers: leave it at `existing`"


def _edge_problems(sections: Sections) -> Iterator[str]:
    edge, cloud = sections.edge, sections.digitalocean
    port = 80 if edge.tls is Tls.OFF else 443
    if edge.website_port != port:
        yield f"websitePort: {edge.website_port} given; with tls `{edge.tls}` the firewall opens only {port}"
    if not cloud.ssh_allowed_cidrs:
        yield (
            "sshAllowedCidrs: empty; Pulumi sets the droplets up over ssh: name the network that you run it from, "
            "for example 203.0.113.7/32"
        )
    if cloud.dns_zone and not (edge.domain == cloud.dns_zone or edge.domain.endswith(f".{cloud.dns_zone}")):
        yield f"dnsZone: {cloud.dns_zone!r} given; domain {edge.domain or '(empty)'} is not in that zone"
    if cloud.create_dns_zone and not cloud.dns_zone:
        yield "createDnsZone: true given; it needs dnsZone, the name of the zone"
