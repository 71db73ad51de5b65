"""Managers that are alone, as Docker answers then, or do not answer: nothing is made of their silence."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.resources.docker import nodes as swarm_nodes
from infra.resources.docker.nodes import SwarmNodeError
from infra.resources.docker.swarm_cluster import SwarmClusterProvider

SAYS = (
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are "
    "online. Make sure more than half of the managers are online."
)
ALONE: dict[str, Any] = {
    "NodeID": "y0g9x8wq5i1stqglqjibwcjmo",
    "LocalNodeState": "active",
    "ControlAvailable": True,
    "Error": SAYS,
    "Cluster": {"ID": "", "Version": {}, "CreatedAt": "0001-01-01T00:00:00Z"},
}
OUTSIDE = {"NodeID": "", "LocalNodeState": "inactive", "ControlAvailable": False, "Error": ""}


class Engine(ThreadingHTTPServer):
    """Docker's API as far as it is asked; `swarm` is what /info tells of it."""

    swarm = ALONE

    def __init__(self) -> None:
        """On a free port."""
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def address(self) -> str:
        """As DOCKER_HOST names it."""
        return f"tcp://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    """What Docker says."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Engine)
        path = f"/{self.path.rsplit('/', 1)[-1]}"
        known = {"/version": {"ApiVersion": "1.41"}, "/info": {"Swarm": self.server.swarm}}
        body = json.dumps(known.get(path, {"message": SAYS})).encode()
        self.send_response(200 if path in known else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it
        """Nothing."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    """It serves until the test is over."""
    with Engine() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_nobody_joins_a_swarm_without_a_majority_and_the_way_out_is_told(engine: Engine) -> None:
    with pytest.raises(SwarmNodeError) as caught:
        swarm_nodes.join(
            "tcp://127.0.0.1:9", manager=engine.address, manager_address="10.1.0.2", address="10.1.0.3", as_manager=True
        )
    assert "most managers of the swarm are down" in str(caught.value)
    assert "docker swarm init --force-new-cluster --advertise-addr 10.1.0.2" in str(caught.value)


def test_a_swarm_without_a_majority_is_not_taken_for_a_new_one(engine: Engine) -> None:
    with pytest.raises(SwarmNodeError, match="most managers of the swarm are down"):
        swarm_nodes.init(engine.address, address="10.1.0.2", pool="10.2.0.0/16")


def test_a_refresh_keeps_a_swarm_without_a_majority_and_forgets_one_that_its_manager_left(engine: Engine) -> None:
    inputs = {"host": engine.address, "host_id": "1", "address": "10.1.0.2", "pool": "10.2.0.0/16", "peers": []}
    known = {**inputs, "cluster_id": "l3shxp2kpe2ecz8nxp7l06l6v"}
    read = SwarmClusterProvider().read
    assert read("swarm", known).id == "swarm"
    engine.swarm = OUTSIDE
    assert read("swarm", known).id is None


def test_a_new_first_manager_makes_no_swarm_while_another_that_may_keep_it_is_silent(engine: Engine) -> None:
    engine.swarm = OUTSIDE
    news = {"host": engine.address, "address": "10.1.0.2", "pool": "10.2.0.0/16", "host_id": "2"}
    peers = [
        {"host": engine.address, "address": "10.1.0.3"},
        {"host": "tcp://127.0.0.1:9", "address": "10.1.0.4"},
    ]
    with pytest.raises(SwarmNodeError, match=r"no answer from the manager at 10\.1\.0\.4 .*delete its droplet"):
        SwarmClusterProvider().update("l3shxp2kpe2ecz8nxp7l06l6v", {}, {**news, "peers": peers})
