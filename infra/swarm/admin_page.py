"""A service's admin page and where the edge publishes it."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from infra.config import EdgeConfig


@dataclass(frozen=True, kw_only=True)
class AdminPage:
    """A page that the edge publishes.

    `name` is the stack output with the page's URL; `<name>Port` is the setting with the page's port. If the stack has
    a domain, the page is at `subdomain` of it instead of a port. `target` is the port in the edge's container.
    `service` is the service that the edge forwards to.
    `for_viewers`: not only operators use it.
    """

    name: str
    subdomain: str
    target: int
    service: str
    for_viewers: bool = False

    def allowed(self, edge: EdgeConfig) -> tuple[str, ...]:
        """The networks that may reach the page, each once."""
        return tuple(
            dict.fromkeys((*edge.admin_allowed_cidrs, *(edge.viewer_allowed_cidrs if self.for_viewers else ())))
        )

    @property
    def setting(self) -> str:
        """Key of the published port."""
        return f"{self.name}Port"


def published_port(edge: EdgeConfig, page: AdminPage) -> int:
    """The port that a stack without a domain publishes the page on.

    Raises:
        ValueError: there is no such setting.
    """
    if page.setting not in edge.ports:
        message = (
            f"admin page {page.name}: there is no setting {page.setting}, only {', '.join(edge.ports)}; "
            "declare it in Pulumi.yaml and in EdgeConfig"
        )
        raise ValueError(message)
    return edge.ports[page.setting]


def host_names(edge: EdgeConfig, pages: Iterable[AdminPage]) -> dict[str, str]:
    """DNS names. Their keys: `website`, a page's subdomain, or the name itself for the website's further names.

    Empty without a domain.

    Raises:
        pulumi.RunError: a further domain is also the name of an admin page.
    """
    if not edge.domain:
        return {}
    named = pages if edge.admin_subdomains else ()
    subdomains = {page.subdomain: f"{page.subdomain}.{edge.domain}" for page in named}
    if both := sorted(set(subdomains.values()) & set(edge.domains)):
        message = f"clickstream:domains: {both[0]} given, which is the name of an admin page; remove it"
        raise pulumi.RunError(message)
    return {"website": edge.domain, **subdomains, **{name: name for name in edge.website_names[1:]}}
