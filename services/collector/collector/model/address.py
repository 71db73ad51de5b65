"""IP addresses as people and proxies write them."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> Address | None:
    """Parse an address, with or without a port; None if it is not one. IPv4-mapped IPv6 becomes IPv4."""
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
