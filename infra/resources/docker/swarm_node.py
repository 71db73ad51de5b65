"""A machine's membership of the swarm: joins, sets labels, and leaves without interrupting services."""

from dataclasses import dataclass

import pulumi
from typing_extensions import override

from infra.resources.common.provider import READY, ManagedResource, Observed, Provider, State
from infra.resources.docker import nodes as swarm_nodes
from infra.resources.docker.client import EngineUnreachableError


@dataclass(frozen=True, kw_only=True)
class SwarmNodeInputs:
    """See SwarmNodeArgs."""

    name: str
    host: str
    host_id: str
    address: str
    manager: str
    manager_address: str
    cluster_id: str
    as_manager: bool
    labels: dict[str, str]


class SwarmNodeProvider(Provider[SwarmNodeInputs]):
    """`state` is READY, or what the manager reports instead."""

    outputs = ("node_id", "state")
    not_compared = ("name", "host", "address", "manager", "manager_address", "as_manager")

    @override
    def create_resource(self, inputs: SwarmNodeInputs) -> tuple[str, State]:
        """Join."""
        return inputs.name, self._join(inputs, {})

    @override
    def update_resource(self, id_: str, old: State, inputs: SwarmNodeInputs) -> State:
        """Join the machine that has the name now, and remove the previous one from the swarm's node list."""
        outputs = self._join(inputs, old)
        before = str(old.get("node_id") or "")
        if before and before != outputs["node_id"] and old.get("cluster_id") == inputs.cluster_id:
            swarm_nodes.forget(inputs.manager, before)
        return outputs

    @override
    def observe(self, id_: str, inputs: SwarmNodeInputs, state: State) -> Observed[SwarmNodeInputs] | None:
        """The node as the manager sees it."""
        try:
            node = swarm_nodes.find(inputs.manager, str(state["node_id"]))
        except EngineUnreachableError:
            return Observed()
        if node is None:
            return None
        labels = node["Spec"].get("Labels") or {}
        missing = [name for name, value in inputs.labels.items() if labels.get(name) != value]
        observed = str(node["Status"]["State"])
        if node["Spec"].get("Availability") != "active":
            observed = str(node["Spec"]["Availability"])
        elif missing:
            observed = f"without label {', '.join(missing)}"
        return Observed(outputs={"state": observed})

    @override
    def delete_resource(self, id_: str, inputs: SwarmNodeInputs, state: State) -> None:
        """Drain the node, leave, and remove it from the node list, before the machine is deleted."""
        swarm_nodes.remove(inputs.manager, str(state["node_id"]), inputs.host)

    @staticmethod
    def _join(inputs: SwarmNodeInputs, old: State) -> State:
        node = swarm_nodes.join(
            inputs.host,
            manager=inputs.manager,
            manager_address=inputs.manager_address,
            address=inputs.address,
            as_manager=inputs.as_manager,
        )
        gone = {name: None for name in old.get("labels") or {} if name not in inputs.labels}
        swarm_nodes.set_labels(inputs.manager, node, {**gone, **inputs.labels})
        return {"node_id": node, "state": READY}


@dataclass(frozen=True, kw_only=True)
class SwarmNodeArgs:
    """`host` and `manager` are SSH URLs; the addresses are private; `labels` are those that this resource manages."""

    name: str
    host: pulumi.Input[str]
    host_id: pulumi.Input[str]
    address: pulumi.Input[str]
    manager: pulumi.Input[str]
    manager_address: pulumi.Input[str]
    cluster_id: pulumi.Input[str]
    as_manager: bool
    labels: dict[str, str]


class SwarmNode(ManagedResource, module="hosts", name="SwarmNode"):
    """The host's membership."""

    node_id: pulumi.Output[str]

    def __init__(self, args: SwarmNodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(SwarmNodeProvider(), args.name, args, opts)
