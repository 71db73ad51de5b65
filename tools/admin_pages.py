"""How the tools reach a stack's Druid and Kafka manager.

Through ssh where this machine has the stack's deploy key, as Pulumi does: the firewall on DigitalOcean admits few
networks, and the edge's certificate may be self-signed. Elsewhere at their public addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from infra.resources.common.ssh import SshError, SshHost
from infra.resources.common.ssh_transport import SUFFIX, through_ssh
from infra.resources.druid.client import DruidClient
from infra.resources.kafka.client import KafkaRestClient

if TYPE_CHECKING:
    from collections.abc import Mapping


def admin_url(outputs: Mapping[str, Any], page: str) -> str:
    """The address of an admin page, by the name of the stack's output."""
    url, engine = str(outputs[page]), str(outputs.get("dockerHost", ""))
    if not engine.startswith("ssh://"):
        return url
    try:
        host = SshHost.parse(engine)
        host.command()
    except SshError:  # another engine than a droplet's, or no key on this machine
        return url
    return through_ssh(host, url)


def druid_of(outputs: Mapping[str, Any], *, insecure: bool = False) -> DruidClient:
    """A client of the stack's Druid. `insecure` accepts a self-signed certificate."""
    url = admin_url(outputs, "druid")
    return DruidClient(url, **_login(outputs), transport=_transport(url, insecure=insecure))


def kafka_of(outputs: Mapping[str, Any]) -> KafkaRestClient:
    """A client of the stack's Kafka manager."""
    return KafkaRestClient(admin_url(outputs, "kafkaManager"), **_login(outputs))


def _login(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"username": outputs["adminUser"], "password": outputs["adminPassword"]}


def _transport(url: str, *, insecure: bool) -> httpx.BaseTransport | None:
    if not insecure or SUFFIX in url.partition(":")[0]:
        return None
    return httpx.HTTPTransport(verify=False)
