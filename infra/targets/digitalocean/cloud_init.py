"""A droplet's user data, without Pulumi."""

import json
from typing import Any

import yaml

from infra.versions import VERSIONS

DAEMON: dict[str, Any] = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
    "live-restore": False,
    "no-new-privileges": True,
    "default-ulimits": {"nproc": {"Name": "nproc", "Soft": 16384, "Hard": 16384}},
}
"""Swarm needs live-restore off. The other settings also apply to containers outside our services.

Swarm has no limit of processes for a service. nproc counts the processes and threads of a user on the whole droplet.
"""

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
[Unit]
Description=Keep containers from the metadata service
# User data contains the host's private key, and the metadata service serves it to every process and container.
After=local-fs.target
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
# Before routing, so it holds for forwarded packets only, and Docker does not touch the table.
ExecStart=/bin/sh -c 'iptables -w -t raw -C PREROUTING -d 169.254.169.254 -j DROP 2>/dev/null || \
  iptables -w -t raw -I PREROUTING -d 169.254.169.254 -j DROP'
"""

GUARDED_DOCKER = """\
[Unit]
Requires=metadata-guard.service
After=metadata-guard.service
"""
"""Docker, and so every container, starts only with the guard in place."""

START_GUARD = ["sh", "-c", "systemctl daemon-reload && systemctl start metadata-guard"]
"""For an image that has Docker: systemd knew the service before these files. No container runs in the first boot."""

UNITS = {
    "/etc/systemd/system/metadata-guard.service": METADATA_GUARD,
    "/etc/systemd/system/docker.service.d/10-metadata-guard.conf": GUARDED_DOCKER,
}


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
            # Written before the packages are installed, which starts Docker.
            *(_file(path, content) for path, content in UNITS.items()),
        ],
        "runcmd": [START_GUARD, ["sh", "-c", "systemctl reload ssh || pkill -HUP -x sshd || true"]],
    }
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=True)


def _file(path: str, content: str) -> dict[str, str]:
    return {"path": path, "content": content, "permissions": "0644"}
