"""How the visitor came to an event's page: the channel and the referring site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.enrich.channels import CHANNEL_OF_KIND, DIRECT, NONE, channel_of
from collector.enrich.referrers import SPAM, Referrer, referrer_list, under
from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.model.event import Event
    from collector.settings import Site

_NOTHING: Final = Referrer("", NONE)
"""What a referrer is that does not count: the site itself, or a payment provider."""


class Acquisition:
    """Applies the lists, the sites' own hosts, and the referrers that do not count."""

    def __init__(self, sites: Iterable[Site], ignored: Iterable[str]) -> None:
        """`ignored`: domains from which visitors return, such as payment providers'."""
        self._known_sites = referrer_list()
        self._ignored = frozenset(ignored)
        self._sites_of: dict[str, set[str]] = {}
        for site in sites:
            for host in (*site.hosts, site.cookie_domain):
                domain = host.removeprefix("*.").removeprefix("www.").removeprefix(".")
                if domain:
                    self._sites_of.setdefault(domain, set()).add(site.name)
        self._referrers: BoundedCache[tuple[str | None, str, str], Referrer] = BoundedCache(8192)

    def apply(self, event: Event) -> None:
        """Set the event's channel and referring site, and mark referrer spam as a bot's."""
        page, referring = event.page, event.referrer
        referrer = _NOTHING
        own = ""
        if page is not None:
            own = page.parts.get("host", "")
        if referring is not None:
            host = referring.parts.get("host", "")
            if host and host != own:
                key = (event.site, own, host)
                known = self._referrers.get(key)
                if known is None:
                    known = self._referrer(event.site, own, host)
                    self._referrers.put(key, known)
                referrer = known
                if known.kind != NONE:
                    event.referrer_name = known.name
                    if known.kind == SPAM:
                        event.is_bot = True
        campaign = None if page is None else page.campaign
        if campaign is None:
            event.channel = DIRECT if referrer.kind == NONE else CHANNEL_OF_KIND[referrer.kind]
            return
        channel = campaign.channels.get(referrer.kind)
        if channel is None:
            channel = campaign.channels[referrer.kind] = channel_of(campaign, referrer.kind, self._known_sites)
        event.channel = channel

    def _referrer(self, site: str | None, own: str, host: str) -> Referrer:
        """The referring site of a host that is not the page's own."""
        if under(host, self._ignored):
            return _NOTHING
        is_own = self._is_of_site(site or "", host) if self._sites_of else _are_one(own, host)
        return _NOTHING if is_own else self._known_sites.of_host(host)

    def _is_of_site(self, site: str, host: str) -> bool:
        """Whether the closest domain of the list, the host's own or one above it, is the site's."""
        while host:
            if host in self._sites_of:
                return site in self._sites_of[host]
            _, _, host = host.partition(".")
        return False


def _are_one(own: str, host: str) -> bool:
    """Whether hosts are of one site as far as their names tell: example.com, www.example.com and shop.example.com."""
    bare, other = own.removeprefix("www."), host.removeprefix("www.")
    return "." in bare and "." in other and (under(other, frozenset({bare})) or under(bare, frozenset({other})))
