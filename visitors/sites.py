"""Assigns visits to a stack's sites, and determines the addresses of their pages."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.config.sites import ANY_SUBDOMAIN, covers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from visitors.behaviour import Visit

ELSEWHERE = 0.25
"""Share of visits that go to a site other than the visitor's usual one."""


@dataclass(frozen=True)
class Site:
    """A site as listed by the stack. The host `*.example.com` stands for any subdomain of example.com."""

    name: str
    hosts: tuple[str, ...]

    @property
    def opened(self) -> tuple[str, ...]:
        """A concrete host for each listed one."""
        return tuple(dict.fromkeys(host.replace(ANY_SUBDOMAIN, "www.", 1) for host in self.hosts))

    def has(self, host: str) -> bool:
        """Whether the host belongs to this site."""
        return any(covers(one, host) for one in self.hosts)


@dataclass(frozen=True)
class Answered:
    """The stack's domains, and whether their www names redirect to them."""

    domains: tuple[str, ...] = ()
    redirects_www: bool = False


class SitesError(Exception):
    """No site can be visited. The message says what to change."""


def listed(given: Iterable[Mapping[str, Any]]) -> tuple[Site, ...]:
    """Parse the stack's output `sites`."""
    return tuple(Site(str(one["name"]), tuple(map(str, one["hosts"]))) for one in given)


def host_of(url: str) -> str:
    """The host without a port, as the platform records it."""
    return urlsplit(url).hostname or ""


def site_of_host(sites: Iterable[Site]) -> dict[str, str]:
    """From all hosts that visits open to the names of their sites."""
    return {host: site.name for site in sites for host in site.opened}


def origin_of(visit: Visit, origin: str, sites: Sequence[Site]) -> str:
    """The origin of the visit's pages. If the stack lists no sites, the stack's own.

    Visitors are spread evenly over the sites. Each mostly returns to the same site, and is a new visitor on all others.
    All sites have the stack's scheme and port.
    """
    if not sites:
        return origin
    elsewhere = Random(f"site {visit.number}").random() < ELSEWHERE  # noqa: S311  # repeatable
    site = sites[(visit.person + elsewhere) % len(sites)]
    host = site.opened[visit.person // len(sites) % len(site.opened)]
    return at(origin, host)


def at(origin: str, host: str) -> str:
    """The origin with the same scheme and port but another host."""
    address = urlsplit(origin)
    return f"{address.scheme}://{host}" + (f":{address.port}" if address.port else "")


def for_browsers(origin: str, sites: Sequence[Site], answered: Answered) -> tuple[Site, ...]:
    """The sites whose pages a browser can open on the stack.

    Without certificates, the edge answers every name; with certificates, only its own names.

    Raises:
        SitesError: no site has a page on the stack.
    """
    if not sites:
        return ()
    own = tuple(dict.fromkeys((host_of(origin), *answered.domains)))
    moved = {f"www.{domain}" for domain in own} if answered.redirects_www else set()
    if urlsplit(origin).scheme == "https":
        hosts = {site.name: tuple(domain for domain in own if site.has(domain)) for site in sites}
    else:
        hosts = {site.name: tuple(host for host in site.opened if host not in moved) for site in sites}
    shown = tuple(Site(name, names) for name, names in hosts.items() if names)
    if not shown:
        message = (
            f"the stack's pages are at {', '.join(own)} only, which belongs to none of its sites. "
            "Add it to the hosts of a site, or send synthetic visits (`make visitors`)"
        )
        raise SitesError(message)
    return shown


def resolver_arguments(origin: str, sites: Sequence[Site]) -> tuple[str, ...]:
    """Chromium's arguments that resolve the sites' hosts to the stack, whatever DNS says."""
    own = host_of(origin)
    others = [host for host in site_of_host(sites) if host != own]
    if not others:
        return ()
    rules = ",".join(f"MAP {host} {own}" for host in others)
    # Treat the sites like localhost, where client hints and other features work without HTTPS.
    trusted = ",".join(at(origin, host) for host in others)
    return (f"--host-resolver-rules={rules}", f"--unsafely-treat-insecure-origin-as-secure={trusted}")
