"""What an engine whose swarm can't be used is told. The errors are Docker's, from public reports."""

import pytest

from infra.resources.docker.local_swarm import why_unusable

EXPIRED = (
    "error while loading TLS certificate in /var/lib/docker/swarm/certificates/swarm-node.crt: certificate (1 - "
    "kvu7kkkyjfktyyy1dvk6lbkx0) not valid after Wed, 16 Jun 2021 11:09:00 UTC, and it is currently Mon, 19 Jul 2021 "
    "10:01:33 UTC: x509: certificate has expired or is not yet valid: "
)


@pytest.mark.parametrize(
    ("state", "error", "told"),
    [
        ("error", EXPIRED, "docker swarm leave --force"),
        ("error", "manager stopped: can't initialize raft node", "can't initialize raft node"),
        ("error", "", "see `docker info`"),
        ("locked", "", "docker swarm unlock"),
        ("active", "", "is a worker of a swarm"),
    ],
)
def test_the_reason_and_the_way_out_are_told(state: str, error: str, told: str) -> None:
    assert told in why_unusable({"LocalNodeState": state, "Error": error})
