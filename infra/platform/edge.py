"""The edge: Caddy, the only service that publishes ports."""

from dataclasses import dataclass

import pulumi

from infra.config import StackConfig, Tls
from infra.config.environment import text
from infra.swarm.spec import CONTROL, HealthCheck, PublishedPort, ServiceSpec, VolumeMount
from infra.swarm.stack import Stack

ADMIN_PASSWORD = "admin-password"  # noqa: S105  # the secret's name, not its value
HTTP, HTTPS, SUPERSET, DRUID, KAFKA_MANAGER, HEALTH = 8000, 8443, 8080, 8888, 9000, 2021
"""Ports inside the container."""


@dataclass(frozen=True, kw_only=True)
class Urls:
    """Where people and this program reach the platform."""

    website: pulumi.Output[str]
    superset: pulumi.Output[str]
    druid: pulumi.Output[str]
    kafka_manager: pulumi.Output[str]


def edge_spec(config: StackConfig) -> ServiceSpec:
    """The service: four origins, one health port that is not published."""
    edge, tracking = config.edge, config.tracking
    website_ports = (
        (PublishedPort(published=edge.website_port, target=HTTP),)
        if edge.tls is Tls.OFF
        # Port 80 answers with a redirect, and to the certificate authority.
        else (PublishedPort(published=edge.website_port, target=HTTPS), PublishedPort(published=80, target=HTTP))
    )
    admin_ports = (
        PublishedPort(published=edge.superset_port, target=SUPERSET),
        PublishedPort(published=edge.druid_port, target=DRUID),
        PublishedPort(published=edge.kafka_manager_port, target=KAFKA_MANAGER),
    )
    return ServiceSpec(
        name="edge",
        image="edge",
        memory=128,
        env={
            "EDGE_TLS": edge.tls,
            "EDGE_DOMAIN": edge.domain,
            "EDGE_EMAIL": edge.acme_email,
            "EDGE_ACME_STAGING": text(edge.acme_staging),
            "EDGE_ADMIN_USER": edge.admin_user,
            "EDGE_ADMIN_PASSWORD_FILE": f"/run/secrets/{ADMIN_PASSWORD}",
            "EDGE_TRUSTED_PROXIES": " ".join(edge.trusted_proxies),
            "EDGE_COLLECTOR_PATHS": " ".join(tracking.collector_paths),
            # What tells visitors apart, so that each stays with one collector.
            "EDGE_COLLECTOR_AFFINITY": "address" if tracking.cookieless else "cookie",
            **({"EDGE_ADMIN_SUBDOMAINS": "true"} if edge.admin_subdomains else {}),
        },
        secrets={ADMIN_PASSWORD: ADMIN_PASSWORD},
        volumes=(VolumeMount(volume="edge", path="/data"),),
        ports=website_ports if edge.admin_subdomains else website_ports + admin_ports,
        healthcheck=HealthCheck.http(HEALTH, "/healthz", start_period=20),
        placement=CONTROL,
    )


class Edge(pulumi.ComponentResource):
    """The one door. `urls` are known before it is open; depend on the component for an open one.

    `urls` are for people, `api` for this program, which may have a way of its own.
    """

    def __init__(self, stack: Stack) -> None:
        """Declare the service."""
        super().__init__("clickstream:platform:Edge", "edge")
        self.admin_user = stack.config.edge.admin_user
        self.admin_password = stack.secret(ADMIN_PASSWORD).password
        stack.run(edge_spec(stack.config), parent=self)
        self.urls = public_urls(stack)
        way = stack.swarm.private_way
        self.api = Urls(**{name: way(url) for name, url in vars(self.urls).items()})
        self.register_outputs({"website": self.urls.website})


def public_urls(stack: Stack) -> Urls:
    """What people open. The usual port of a scheme goes without saying."""
    edge = stack.config.edge
    scheme = "http" if edge.tls is Tls.OFF else "https"
    address = pulumi.Output.from_input(edge.domain) if edge.domain else stack.swarm.address

    def url(page: str, port: int) -> pulumi.Output[str]:
        if edge.admin_subdomains:
            port = edge.website_port
        name = edge.host_names.get(page)
        host = pulumi.Output.from_input(name) if name else address
        suffix = "" if (scheme, port) in (("http", 80), ("https", 443)) else f":{port}"
        return host.apply(lambda known: f"{scheme}://{known}{suffix}")

    return Urls(
        website=url("website", edge.website_port),
        superset=url("superset", edge.superset_port),
        druid=url("druid", edge.druid_port),
        kafka_manager=url("kafka", edge.kafka_manager_port),
    )
