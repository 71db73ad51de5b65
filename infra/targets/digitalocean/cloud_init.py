"""A droplet's user data, without Pulumi."""

import json
from typing import Any

import yaml

from infra.versions import VERSIONS

DAEMON: dict[str, Any] = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
    "live-restore": False,
}
"""Swarm needs live-restore off. The log limits also apply to containers outside our services."""

PIN = f"Package: docker.io\nPin: version {VERSIONS['DOCKER_VERSION']}.*\nPin-Priority: 1001\n"
"""Allow security updates but no other engine version."""

SSHD = """\
MaxStartups 100
MaxSessions 100
PasswordAuthentication no
PermitRootLogin prohibit-password
AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys_operators
"""

METADATA_GUARD = """\
#!/bin/sh
# User data contains the host's private key, and the metadata service serves it to every process and container.
iptables -N DOCKER-USER 2>/dev/null
iptables -C DOCKER-USER -d 169.254.169.254 -j DROP 2>/dev/null ||
  iptables -I DOCKER-USER -d 169.254.169.254 -j DROP
exit 0
"""


def render(*, hostname: str, host_key: str, host_key_public: str, insecure_registry: str = "") -> str:
    """A #cloud-config that installs Docker and pins the host key, so that the first connection is verified."""
    daemon = {**DAEMON, **({"insecure-registries": [insecure_registry]} if insecure_registry else {})}
    document = {
        "hostname": hostname,
        "ssh_deletekeys": True,
        "ssh_genkeytypes": ["ed25519"],
        "ssh_keys": {"ed25519_private": host_key, "ed25519_public": host_key_public},
        "package_update": True,
        "packages": ["docker.io", "iptables"],
        "write_files": [
            _file("/etc/apt/preferences.d/docker", PIN),
            _file("/etc/docker/daemon.json", json.dumps(daemon, indent=2) + "\n"),
            _file("/etc/ssh/sshd_config.d/50-clickstream.conf", SSHD),
            # These run at the end of every boot, after the packages are installed.
            _file("/var/lib/cloud/scripts/per-boot/metadata-guard", METADATA_GUARD, mode="0755"),
        ],
        "runcmd": [["sh", "-c", "systemctl reload ssh || pkill -HUP -x sshd || true"]],
    }
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=True)


def _file(path: str, content: str, *, mode: str = "0644") -> dict[str, str]:
    return {"path": path, "content": content, "permissions": mode}
