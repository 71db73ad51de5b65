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

    def __init__(self, trusted_proxies: Sequence[Network], trusted_peers: Sequence[Network] = ()) -> None:
        """Trust proxies in these networks; without any, the socket's address is the visitor's.

        `trusted_peers` count only as the other end of a connection, never as an address in the header. So they may be
        wide networks, which can include addresses of visitors.
        """
        self._proxies, self._peers = _Networks(trusted_proxies), _Networks((*trusted_proxies, *trusted_peers))

    def visitor(self, peer: str, forwarded_for: bytes | None) -> str:
        """The address of the visitor behind that socket.

        Walks X-Forwarded-For from its right end (what the nearest proxy added) past trusted proxies. With one
        proxy that is the last item, as with Divolte; what stands left of the first untrusted one is ignored,
        for anybody can write it. An item that is not an address ends the walk.
        """
        if forwarded_for is None or peer not in self._peers:
            return peer
        visitor = peer
        for item in reversed(forwarded_for.decode("latin-1").split(",")):
            parsed = parse_address(item.strip())
            if parsed is None:
                break
            visitor = str(parsed)
            if visitor not in self._proxies:
                break
        return visitor

    def is_trusted(self, peer: str) -> bool:
        """Whether forwarded headers count from that peer."""
        return peer in self._peers


class _Networks:
    """A set of networks, with a cache of recent answers."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._known: BoundedCache[str, tuple[bool]] = BoundedCache(4096)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        known = self._known.get(address)
        if known is None:
            parsed = parse_address(address)
            known = (parsed is not None and any(parsed in network for network in self._networks),)
            self._known.put(address, known)
        return known[0]
