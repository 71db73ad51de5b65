"""The visitor's address: the socket's, or what a trusted proxy says."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ClientAddresses:
    """Finds the visitor's address and scheme. Forwarded headers count only from configured proxies."""

    def __init__(self, trusted_proxies: Sequence[Network], trusted_peers: Sequence[Network] = ()) -> None:
        """Believe proxies of these networks; with none, the socket's address is the visitor's.

        Peers are believed only as the other end of a connection: their networks may be wider, for an address in the
        header can be one of a visitor.
        """
        self._proxies, self._peers = _Networks(trusted_proxies), _Networks((*trusted_proxies, *trusted_peers))

    def visitor(self, peer: str, forwarded_for: bytes | None) -> str:
        """The address of the visitor behind that socket.

        Walks X-Forwarded-For from its right end (what the nearest proxy added) past trusted proxies. With one
        proxy that is the last item, as with Divolte; what stands left of the first untrusted one is ignored,
        for anybody can write it. An item that is no address ends the walk.
        """
        if forwarded_for is None or peer not in self._peers:
            return peer
        visitor = peer
        for item in reversed(forwarded_for.decode("latin-1").split(",")):
            parsed = _parse(item.strip())
            if parsed is None:
                break
            visitor = str(parsed)
            if visitor not in self._proxies:
                break
        return visitor

    def is_trusted(self, peer: str) -> bool:
        """Whether forwarded headers count from that end of a connection."""
        return peer in self._peers


class _Networks:
    """Networks, and which of the addresses asked about lately are in them."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._known: BoundedCache[str, tuple[bool]] = BoundedCache(4096)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        known = self._known.get(address)
        if known is None:
            parsed = _parse(address)
            known = (parsed is not None and any(parsed in network for network in self._networks),)
            self._known.put(address, known)
        return known[0]


def _parse(text: str) -> Address | None:
    if text.startswith("["):  # [2001:db8::1]:1234
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:1234
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
