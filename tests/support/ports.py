"""Ports for test servers that must keep theirs while they are stopped."""

from __future__ import annotations

import random
import socket
from typing import Final

_BELOW_OUTGOING: Final = range(20_000, 32_000)
"""Linux takes ports of outgoing connections from 32768 on (`net.ipv4.ip_local_port_range`). A port from there may
belong to somebody's connection when the server starts again."""


def free_port() -> int:
    """Return an unused port of the loopback interface that no outgoing connection will take."""
    for port in random.sample(_BELOW_OUTGOING, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = f"none of 100 ports of {_BELOW_OUTGOING} is free"
    raise RuntimeError(message)
