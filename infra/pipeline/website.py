"""The website: a small shop whose visits are tracked."""

import pulumi

from infra.config import Tls
from infra.swarm.spec import HealthCheck, ServiceSpec
from infra.swarm.stack import Stack


def website_spec(stack: Stack) -> ServiceSpec:
    """nginx with static pages and the tracker."""
    pipeline, edge = stack.config.pipeline, stack.config.edge
    scheme = "http" if edge.tls is Tls.OFF else "https"
    return ServiceSpec(
        name="website",
        image="website",
        memory=64,
        env={
            # For canonical links and the site map; the pages themselves work under any name.
            "WEBSITE_ORIGIN": f"{scheme}://{edge.domain or 'localhost'}:{edge.website_port}",
            "GOOGLE_ANALYTICS_ID": pipeline.google_analytics_id,
            "CLARITY_ID": pipeline.clarity_id,
        },
        healthcheck=HealthCheck.http(8000, "/healthz", start_period=20),
        constraints=tuple(stack.swarm.placement.get("website", ())),
    )


class Website(pulumi.ComponentResource):
    """The service."""

    def __init__(self, stack: Stack) -> None:
        """Declare the service."""
        super().__init__("clickstream:pipeline:Website", "website")
        stack.run(website_spec(stack), parent=self)
        self.register_outputs({})
