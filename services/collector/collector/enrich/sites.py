"""Which of the measured sites an event belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.model.event import reject
from collector.model.page import LONGEST_HOST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.model.event import Event
    from collector.settings import Site

_ANY_SUBDOMAIN: Final = "*."


class Sites:
    """The list of the settings. Without one every host is a site of its own."""

    def __init__(self, sites: Iterable[Site]) -> None:
        """From the settings. A host of several sites belongs to the first one that names it most exactly."""
        self._names: set[str] = set()
        self._of_host: dict[str, str] = {}
        self._of_subdomains: dict[str, str] = {}
        self._cookie_domains: dict[str, str] = {}
        for site in sites:
            self._names.add(site.name)
            self._cookie_domains[site.name] = site.cookie_domain
            for host in site.hosts:
                if host.startswith(_ANY_SUBDOMAIN):
                    self._of_subdomains.setdefault(host.removeprefix(_ANY_SUBDOMAIN), site.name)
                else:
                    self._of_host.setdefault(host, site.name)

    def of(self, event: Event) -> str | None:
        """The event's site: the one that it names, or else that of its page's host.

        MalformedEventError when there is a list and the event belongs to none of it.
        """
        host = None if event.page is None else event.page.parts.get("host")
        if not self._names:
            return event.site or host
        if event.site is not None:
            if event.site not in self._names:
                reject("the site is not one of the stack's sites")
            return event.site
        if host is None:
            reject("the event names neither a site nor a page, and the stack has a list of sites")
        site = self._listed(host)
        if site is None:
            reject("the page's host is not one of the stack's sites")
        return site

    def cookie_domain(self, host: str) -> str:
        """The cookie domain of the host's site; empty if the host has no site, or the site no cookie domain."""
        site = self._listed(host)
        return "" if site is None else self._cookie_domains[site]

    def _listed(self, host: str) -> str | None:
        # A host from a header may fill a whole request, and the look-up goes up its domains one by one.
        return None if len(host) > LONGEST_HOST else self._of_host.get(host) or self._of_parent(host)

    def _of_parent(self, host: str) -> str | None:
        """The site of the closest domain above the host whose subdomains are listed."""
        subdomains = self._of_subdomains
        while subdomains and host:
            _, _, host = host.partition(".")
            if host in subdomains:
                return subdomains[host]
        return None
