"""User data of a droplet, without Pulumi."""

import json

import yaml

DAEMON = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
    "live-restore": False,
}
"""Swarm needs live-restore off; logs are bounded for what is not a service of ours as well."""


def render(*, hostname: str, host_key: str, host_key_public: str) -> str:
    """A #cloud-config that installs Docker and pins the host key, so that the first connection is verified."""
    document = {
        "hostname": hostname,
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": host_key, "ed25519_public": host_key_public},
        "package_update": True,
        "packages": ["docker.io"],
        "write_files": [
            {"path": "/etc/docker/daemon.json", "content": json.dumps(DAEMON, indent=2) + "\n"},
            {"path": "/etc/ssh/sshd_config.d/50-clickstream.conf", "content": "MaxStartups 100\nMaxSessions 100\n"},
        ],
    }
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=True)
