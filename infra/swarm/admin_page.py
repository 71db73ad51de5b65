"""The page that a service has for operators, and where the edge publishes it."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from infra.config import EdgeConfig


@dataclass(frozen=True, kw_only=True)
class AdminPage:
    """A page that the edge publishes.

    `name` is that of the stack's output with its URL, and with `Port` behind it, that of the setting with its port.
    `subdomain` comes before the stack's domain, where pages have names instead of ports. `target` is the port of the
    edge's container that leads to it.
    """

    name: str
    subdomain: str
    target: int

    @property
    def setting(self) -> str:
        """Key of the published port."""
        return f"{self.name}Port"


def published_port(edge: EdgeConfig, page: AdminPage) -> int:
    """The port that a stack publishes the page on, if it has no domain name.

    Raises:
        ValueError: if there is no such setting.
    """
    if page.setting not in edge.ports:
        message = (
            f"admin page {page.name}: there is no setting {page.setting}, only {', '.join(edge.ports)}; "
            "declare it in Pulumi.yaml and in EdgeConfig"
        )
        raise ValueError(message)
    return edge.ports[page.setting]


def host_names(edge: EdgeConfig, pages: Iterable[AdminPage]) -> dict[str, str]:
    """DNS names by `website`, by the subdomain of a page, or by themselves for further names of the website.

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
