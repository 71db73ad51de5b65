"""HTTP to the platform's own pages: directly, or through SSH to a host whose firewall blocks everyone else.

A URL through SSH is `https+ssh://root@203.0.113.5/druid.example.com:443?access=...&alias=...`: the page
`https://druid.example.com:443` as the host itself sees it. It works before the name is in DNS and with any certificate,
since SSH has already authenticated the host.
"""

from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.resources.common.ssh import SshHost

SUFFIX = "+ssh"


class SshTransport(httpx.BaseTransport):
    """Opens the tunnel on the first request, and keeps it open."""

    def __init__(self, host: SshHost, port: int) -> None:
        """`port` is a port of the host itself."""
        self._host, self._port = host, port
        self._stack = ExitStack()
        self._inner: httpx.HTTPTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request through the tunnel."""
        if self._inner is None:
            socket = self._stack.enter_context(self._host.forwarded(f"127.0.0.1:{self._port}"))
            # The host key already identifies the far end; a certificate would add nothing.
            self._inner = httpx.HTTPTransport(uds=str(socket), verify=False)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the tunnel."""
        if self._inner is not None:
            self._inner.close()
        self._stack.close()


def through_ssh(host: SshHost, url: str) -> str:
    """The URL of a page as seen from the host."""
    parts = urlsplit(url)
    query = urlsplit(host.url).query
    return f"{parts.scheme}{SUFFIX}://{host.destination}/{parts.netloc}?{query}"


def http_client(base_url: str, *, transport: httpx.BaseTransport | None = None, **options: Any) -> httpx.Client:
    """A client for a base URL of either kind. It verifies certificates of https URLs without SSH."""
    parts = urlsplit(base_url)
    if not parts.scheme.endswith(SUFFIX):
        return httpx.Client(base_url=base_url, verify=parts.scheme == "https", transport=transport, **options)
    scheme = parts.scheme.removesuffix(SUFFIX)
    page = urlsplit(f"{scheme}://{parts.path.lstrip('/')}")
    port = page.port or (443 if scheme == "https" else 80)
    host = SshHost.parse(f"ssh://{parts.netloc}?{parts.query}")
    return httpx.Client(base_url=page.geturl(), transport=transport or SshTransport(host, port), **options)
