"""The visitor's address: the socket's, or what a trusted proxy says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.model.address import parse_address
from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    import ipaddress
    from collections.abc import Sequence

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientAddresses:
    """Finds the visitor's address and scheme. Forwarded headers count only from configured proxies."""

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        """Trust the proxies of these networks; with none, the socket's address is the visitor's."""
        self._trusted_proxies = tuple(trusted_proxies)
        self._trusted: BoundedCache[str, tuple[bool]] = BoundedCache(4096)

    def visitor(self, peer: str, forwarded_for: bytes | None) -> str:
        """The address of the visitor behind that socket.

        Walks X-Forwarded-For from its right end (what the nearest proxy added) past trusted proxies. With one
        proxy that is the last item, as with Divolte; what stands left of the first untrusted one is ignored,
        for anybody can write it. An item that is no address ends the walk.
        """
        if forwarded_for is None or not self.is_trusted(peer):
            return peer
        visitor = peer
        for item in reversed(forwarded_for.decode("latin-1").split(",")):
            parsed = parse_address(item.strip())
            if parsed is None:
                break
            visitor = str(parsed)
            if not self.is_trusted(visitor):
                break
        return visitor

    def is_trusted(self, address: str) -> bool:
        """Whether the address is one of the configured proxies."""
        if not self._trusted_proxies:
            return False
        known = self._trusted.get(address)
        if known is None:
            parsed = parse_address(address)
            known = (parsed is not None and any(parsed in network for network in self._trusted_proxies),)
            self._trusted.put(address, known)
        return known[0]
