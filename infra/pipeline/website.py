"""The website: the tracker, plus a shop, a folder of the user's own files, or nothing."""

from dataclasses import replace

import pulumi

from infra.config import StackConfig, Tls
from infra.config.environment import environment
from infra.config.website import NONE, files_of, folder_of
from infra.images.source import ImageSource
from infra.swarm.spec import HealthCheck, ServiceSpec
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="website", mebibytes=9)
IPSTACK = "ipstack-access-key"
OF_THE_PAGES = ("google_analytics_id", "clarity_id")
OF_THE_TRACKER = (
    "collector_prefix", "collector_event_suffix", "collector_batch_suffix", "party_cookie", "session_cookie",
    "cookie_domain", "privacy_signals", "ip_storage", "user_ids",
)  # fmt: skip


def website_image(content: str) -> ImageSource:
    """The image for a value of the `website` setting."""
    if content == NONE:
        return replace(IMAGE, choices=(("CONTENT", "none"),))
    if (folder := folder_of(content)) is None:
        return IMAGE
    size = sum(path.stat().st_size for path in files_of(folder))
    mebibytes = IMAGE.mebibytes + -(-size // 2**20)
    return replace(IMAGE, choices=(("CONTENT", "folder"),), content=folder, mebibytes=mebibytes)


def website_spec(config: StackConfig) -> ServiceSpec:
    """nginx with static pages and the tracker."""
    pipeline, edge, tracking = config.pipeline, config.edge, config.tracking
    scheme = "http" if edge.tls is Tls.OFF else "https"
    secrets = {IPSTACK: IPSTACK} if pipeline.ipstack_access_key.get_secret_value() else {}
    return ServiceSpec(
        name="website",
        source=website_image(pipeline.website),
        memory=64,
        env={
            # For canonical links and the site map. The pages themselves work under any host name.
            "WEBSITE_ORIGIN": f"{scheme}://{edge.domain or 'localhost'}:{edge.website_port}",
            "IPSTACK_ACCESS_KEY_FILE": f"/run/secrets/{IPSTACK}" if secrets else "",
            "TRACKER_PATH": tracking.script_path,
            "TRACKER_OPTIONS": " ".join(tracking.tag_options),
            **environment("", pipeline, only=OF_THE_PAGES),
            **environment("", tracking, only=OF_THE_TRACKER),
        },
        secrets=secrets,
        # The pages with the settings filled in, as large as the user's own files may be.
        scratch=("/var/lib/website",),
        healthcheck=HealthCheck.http(8000, "/healthz", start_period=20),
    )


class Website(pulumi.ComponentResource):
    """The service."""

    def __init__(self, stack: SwarmStack) -> None:
        """Declare the service."""
        super().__init__("clickstream:pipeline:Website", "website")
        if key := stack.config.pipeline.ipstack_access_key.get_secret_value():
            stack.add_secret(IPSTACK, key)
        stack.run(website_spec(stack.config), parent=self)
        self.register_outputs({})
