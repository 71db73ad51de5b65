"""Joins, labels, drains and removes the nodes of a swarm, through Docker's API.

Join tokens pass from one engine's socket to the other's, never through a command line, a log or the state.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from docker.errors import APIError

from infra.resources.common.retry import Deadline
from infra.resources.docker.client import EngineUnreachableError, connect

DRAIN_SECONDS = 300.0
DOWN_SECONDS = 60.0
UPDATE_SECONDS = 5.0
MANAGER_PORT = 2377
SUBNET_SIZE = 24

NO_MAJORITY = ("does not have a leader", "context deadline exceeded")
"""What a manager without a quorum reports: the second at first, the first later."""


class SwarmNodeError(Exception):
    """A node can't join or leave. The message says why and what to do."""


def engine_api(host: str) -> Any:
    """A client whose untyped `api` is the engine's low-level one. The caller closes it."""
    return connect(host)


def membership(host: str) -> Mapping[str, Any]:
    """The engine's view of its swarm: LocalNodeState, NodeID, and on managers Cluster."""
    with closing(engine_api(host)) as engine:
        found: Mapping[str, Any] = engine.api.info()["Swarm"]
    return found


def init(host: str, *, address: str, pool: str) -> str:
    """Make an engine without a swarm the first manager of a new one. Returns the cluster's ID."""
    with closing(engine_api(host)) as engine:
        swarm = engine.api.info()["Swarm"]
        if swarm["LocalNodeState"] == "inactive":
            engine.api.init_swarm(
                advertise_addr=address,
                listen_addr=f"{address}:{MANAGER_PORT}",
                data_path_addr=address,
                default_addr_pool=[pool],
                subnet_size=SUBNET_SIZE,
            )
            swarm = engine.api.info()["Swarm"]
        if not swarm.get("ControlAvailable"):
            message = f"the engine is a worker of another swarm (state {swarm['LocalNodeState']})"
            raise SwarmNodeError(message)
        if has_lost_majority(swarm):
            raise _without_majority(address)
        return cluster_id(swarm)


def cluster_id(swarm: Mapping[str, Any]) -> str:
    """The cluster's ID in a `membership`. Empty for a worker, and for a manager without a quorum."""
    return str((swarm.get("Cluster") or {}).get("ID") or "")


def has_lost_majority(swarm: Mapping[str, Any]) -> bool:
    """Whether the `membership` is that of a manager in a swarm most of whose managers are down."""
    return bool(swarm.get("ControlAvailable")) and not cluster_id(swarm)


def _without_majority(address: str) -> SwarmNodeError:
    return SwarmNodeError(
        "most managers of the swarm are down, so nothing in it can be changed. If their droplets can be powered on, "
        f"do that. If they are lost, make the one at {address} the only manager, with all services (run there: "
        f"`docker swarm init --force-new-cluster --advertise-addr {address}`); then `up` recreates the others"
    )


def join(host: str, *, manager: str, manager_address: str, address: str, as_manager: bool) -> str:
    """Join the engine to the manager's swarm, if it is not a member yet. Returns its node ID."""
    with closing(engine_api(manager)) as leader:
        try:
            known = {node["ID"] for node in leader.api.nodes()}
        except APIError as error:
            if any(sign in str(error) for sign in NO_MAJORITY):
                raise _without_majority(manager_address) from None
            raise
        token = leader.api.inspect_swarm()["JoinTokens"]["Manager" if as_manager else "Worker"]
    with closing(engine_api(host)) as engine:
        swarm = engine.api.info()["Swarm"]
        if swarm["LocalNodeState"] == "active" and swarm["NodeID"] in known:
            return str(swarm["NodeID"])
        if swarm["LocalNodeState"] != "inactive":
            engine.api.leave_swarm(force=True)
        engine.api.join_swarm(
            remote_addrs=[f"{manager_address}:{MANAGER_PORT}"],
            join_token=token,
            listen_addr=f"{address}:{MANAGER_PORT}",
            advertise_addr=address,
            data_path_addr=address,
        )
        return str(engine.api.info()["Swarm"]["NodeID"])


def set_labels(manager: str, node_id: str, labels: Mapping[str, str | None]) -> None:
    """Set a node's labels, remove those with value None, keep all others, and make the node accept tasks."""

    def change(spec: dict[str, Any]) -> None:
        kept = {**(spec.get("Labels") or {}), **labels}
        spec["Labels"] = {name: value for name, value in kept.items() if value is not None}
        spec["Availability"] = "active"

    with closing(engine_api(manager)) as engine:
        update_node(engine, node_id, change)


def update_node(engine: Any, node_id: str, change: Any) -> None:
    """Read, change and write the node's specification. Retry if something else changed it in between."""
    deadline = Deadline(UPDATE_SECONDS, pause=0.2)
    while True:
        node = engine.api.inspect_node(node_id)
        spec = dict(node["Spec"])
        change(spec)
        try:
            engine.api.update_node(node_id, node["Version"]["Index"], spec)
        except APIError as error:
            if "out of sequence" not in str(error) or not deadline.wait():
                raise
        else:
            return


def find(manager: str, node_id: str) -> Mapping[str, Any] | None:
    """The node as the manager knows it; None if it does not."""
    with closing(engine_api(manager)) as engine:
        nodes: list[Mapping[str, Any]] = engine.api.nodes()
    return next((node for node in nodes if node["ID"] == node_id), None)


def forget(manager: str, node_id: str) -> None:
    """Remove a permanently lost node from the swarm's node list."""
    with closing(engine_api(manager)) as engine:
        nodes = {node["ID"]: node for node in engine.api.nodes()}
        if node_id not in nodes:
            return
        if "ManagerStatus" in nodes[node_id]:
            update_node(engine, node_id, _demoted)
        engine.api.remove_node(node_id, force=True)


def remove(manager: str, node_id: str, host: str) -> None:
    """Drain and demote the node, leave, and remove it from the node list. Its tasks first start elsewhere.

    Raises:
        SwarmNodeError: if the remaining managers would not be a majority, or tasks do not end.
    """
    with closing(engine_api(manager)) as engine:
        nodes = {node["ID"]: node for node in engine.api.nodes()}
        if node_id not in nodes:
            return
        if "ManagerStatus" in nodes[node_id]:
            check_quorum(list(nodes.values()), node_id)
        update_node(engine, node_id, lambda spec: spec.update(Availability="drain"))
        _wait_until_drained(engine, node_id, nodes[node_id]["Description"]["Hostname"])
        if "ManagerStatus" in nodes[node_id]:
            update_node(engine, node_id, _demoted)
        try:
            with closing(engine_api(host)) as leaving:
                leaving.api.leave_swarm(force=True)
            deadline = Deadline(DOWN_SECONDS)
            while engine.api.inspect_node(node_id)["Status"]["State"] == "ready" and deadline.wait():
                pass
        except (EngineUnreachableError, APIError) as error:
            # It is drained, so it can be removed from the node list without its cooperation.
            print(f"{node_id} did not confirm that it left the swarm: {error}", flush=True)  # noqa: T201  # shown by Pulumi
        engine.api.remove_node(node_id, force=True)


def check_quorum(nodes: list[Mapping[str, Any]], leaving: str) -> None:
    """Refuse to remove a manager if the reachable ones that remain are not a majority of the managers."""
    managers = [node for node in nodes if "ManagerStatus" in node]
    staying = [
        node for node in managers if node["ID"] != leaving and node["ManagerStatus"].get("Reachability") == "reachable"
    ]
    if len(staying) <= len(managers) // 2 and len(managers) > 2:
        message = (
            f"without this manager, only {len(staying)} of {len(managers)} would respond, which is not a majority; "
            "bring the others back first (`docker node ls`)"
        )
        raise SwarmNodeError(message)
    if not staying:
        message = "the last manager that responds can't leave the swarm"
        raise SwarmNodeError(message)


def _demoted(spec: dict[str, Any]) -> None:
    spec["Role"] = "worker"


def _wait_until_drained(engine: Any, node_id: str, name: str) -> None:
    deadline = Deadline(DRAIN_SECONDS, pause=1)
    while True:
        tasks = engine.api.tasks(filters={"node": node_id, "desired-state": ["running", "shutdown"]})
        left = [task for task in tasks if task["Status"]["State"] in ("running", "starting", "preparing")]
        if not left:
            return
        if not deadline.wait():
            services = ", ".join(sorted({str(task["ServiceID"]) for task in left}))
            message = (
                f"{name} still runs {len(left)} tasks {DRAIN_SECONDS:.0f} s after draining (services {services}); "
                "is there room for them elsewhere? The node stays drained, run `up` again"
            )
            raise SwarmNodeError(message)
