"""The edge: Caddy, the only service that publishes ports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.config import StackConfig, Tls
from infra.config.environment import text
from infra.images.source import ImageSource
from infra.swarm.admin_page import AdminPage, host_names, published_port
from infra.swarm.spec import CONTROL, HealthCheck, PublishedPort, ServiceSpec, VolumeMount
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="edge", mebibytes=30)
ADMIN_PASSWORD = "admin-password"  # noqa: S105  # the secret's name, not its value
HTTP, HTTPS, HEALTH = 8000, 8443, 2021
"""Ports inside the container. Each AdminPage defines its own."""


@dataclass(frozen=True, kw_only=True)
class Urls:
    """Where people and this program reach the platform."""

    website: pulumi.Output[str]
    pages: Mapping[AdminPage, pulumi.Output[str]]


def memory_of(connections: int) -> int:
    """MiB of memory for open TLS connections, at up to 48 KiB each, on top of an idle edge."""
    return 112 + connections * 48 // 1024


def edge_spec(config: StackConfig, pages: Sequence[AdminPage]) -> ServiceSpec:
    """The service: one origin for the website, one per admin page, and an unpublished health port."""
    edge, tracking = config.edge, config.tracking
    website_ports = (
        (PublishedPort(published=edge.website_port, target=HTTP),)
        if edge.tls is Tls.OFF
        # Port 80 redirects to https and answers the certificate authority's challenges.
        else (PublishedPort(published=edge.website_port, target=HTTPS), PublishedPort(published=80, target=HTTP))
    )
    admin_ports = tuple(PublishedPort(published=published_port(edge, page), target=page.target) for page in pages)
    return ServiceSpec(
        name="edge",
        source=IMAGE,
        memory=memory_of(edge.total_connections),
        env={
            "EDGE_TLS": edge.tls,
            "EDGE_DOMAIN": edge.domain,
            # Only if set, so that an upgrade does not restart an edge without this setting.
            **({"EDGE_DOMAINS": " ".join(edge.domains)} if edge.domains else {}),
            **({"EDGE_REDIRECT_WWW": "true"} if edge.redirect_www else {}),
            "EDGE_EMAIL": edge.acme_email,
            "EDGE_ACME_STAGING": text(edge.acme_staging),
            "EDGE_ADMIN_USER": edge.admin_user,
            "EDGE_ADMIN_PASSWORD_FILE": f"/run/secrets/{ADMIN_PASSWORD}",
            "EDGE_ADMIN_ALLOWED": " ".join(edge.admin_allowed_cidrs),
            **({"EDGE_VIEWER_ALLOWED": " ".join(edge.viewer_allowed_cidrs)} if edge.viewer_allowed_cidrs else {}),
            "EDGE_TRUSTED_PROXIES": " ".join(edge.trusted_proxies),
            "EDGE_ADDRESS_RATE": f"{edge.address_rate} {edge.address_burst}",
            # The burst is two seconds' worth of requests.
            "EDGE_TOTAL_RATE": f"{edge.total_rate} {2 * edge.total_rate}",
            "EDGE_CONNECTIONS": f"{edge.address_connections} {edge.total_connections}",
            **({"EDGE_UNLIMITED": " ".join(edge.unlimited_addresses)} if edge.unlimited_addresses else {}),
            "EDGE_COLLECTOR_PATHS": " ".join(tracking.collector_paths),
            # Hashed to identify visitors, so that each one stays with the same collector.
            "EDGE_COLLECTOR_AFFINITY": "address" if tracking.cookieless else "cookie",
            **({"EDGE_ADMIN_SUBDOMAINS": "true"} if edge.admin_subdomains else {}),
        },
        secrets={ADMIN_PASSWORD: ADMIN_PASSWORD},
        volumes=(VolumeMount(volume="edge", path="/data"),),
        ports=website_ports if edge.admin_subdomains else website_ports + admin_ports,
        talks_to=("website", "collector", *sorted(page.service for page in pages)),
        scratch=("/run/edge",),
        healthcheck=HealthCheck.http(HEALTH, "/healthz", start_period=20),
        placement=CONTROL,
    )


class Edge(pulumi.ComponentResource):
    """The only entry point. `urls` are known before the edge is up; depend on this component to wait for it.

    `urls` are for people. `api` are this program's URLs, which may lead through a tunnel.
    """

    def __init__(self, stack: SwarmStack) -> None:
        """Declare the service."""
        super().__init__("clickstream:platform:Edge", "edge")
        self.admin_user = stack.config.edge.admin_user
        self.admin_password = stack.secret(ADMIN_PASSWORD).password
        stack.run(edge_spec(stack.config, stack.pages), parent=self)
        self.urls = public_urls(stack)
        internal = stack.swarm.internal_url
        self.api = Urls(
            website=internal(self.urls.website), pages={page: internal(url) for page, url in self.urls.pages.items()}
        )
        self.register_outputs({"website": self.urls.website})


def public_urls(stack: SwarmStack) -> Urls:
    """The URLs that people open, without the scheme's default port."""
    edge = stack.config.edge
    scheme = "http" if edge.tls is Tls.OFF else "https"
    address = pulumi.Output.from_input(edge.domain) if edge.domain else stack.swarm.address

    names = host_names(edge, stack.pages)

    def url(place: str, port: int) -> pulumi.Output[str]:
        if edge.admin_subdomains:
            port = edge.website_port
        name = names.get(place)
        host = pulumi.Output.from_input(name) if name else address
        suffix = "" if (scheme, port) in (("http", 80), ("https", 443)) else f":{port}"
        return host.apply(lambda known: f"{scheme}://{known}{suffix}")

    return Urls(
        website=url("website", edge.website_port),
        pages={page: url(page.subdomain, published_port(edge, page)) for page in stack.pages},
    )
