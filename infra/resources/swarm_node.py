"""A machine as a member of the swarm: joins, carries labels, and leaves without losing anything."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra.resources.clients import swarm_nodes
from infra.resources.clients.swarm import EngineUnreachableError

READY = "ready"
COMPARED = ("host_id", "cluster_id", "labels")


class SwarmNodeProvider(ResourceProvider):
    """State: the inputs, `node_id`, and `state`: `ready`, or what the manager says instead."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Join."""
        return CreateResult(str(props["name"]), self._joined(props, {}))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Join with the machine that has the name now; the one before it goes out of the books."""
        props = self._joined(news, olds)
        before = str(olds.get("node_id") or "")
        if before and before != props["node_id"] and olds.get("cluster_id") == news.get("cluster_id"):
            swarm_nodes.forget(str(news["manager"]), before)
        return UpdateResult(props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another machine, another swarm, other labels, or a node that a refresh found unwell."""
        changed = any(olds.get(key) != news.get(key) for key in COMPARED)
        return DiffResult(changes=changed or olds.get("state") != READY)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """As the manager sees it."""
        try:
            node = swarm_nodes.find(str(props["manager"]), str(props["node_id"]))
        except EngineUnreachableError:
            return ReadResult(id_, props)
        if node is None:
            return ReadResult(None, {})
        labels = node["Spec"].get("Labels") or {}
        missing = [name for name, value in props["labels"].items() if labels.get(name) != value]
        state = str(node["Status"]["State"])
        if node["Spec"].get("Availability") != "active":
            state = str(node["Spec"]["Availability"])
        elif missing:
            state = f"without label {', '.join(missing)}"
        return ReadResult(id_, {**props, "state": state})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Drain, leave, go out of the books; only then does the machine go."""
        swarm_nodes.remove(str(props["manager"]), str(props["node_id"]), str(props["host"]))

    @staticmethod
    def _joined(props: dict[str, Any], olds: dict[str, Any]) -> dict[str, Any]:
        node = swarm_nodes.join(
            str(props["host"]),
            manager=str(props["manager"]),
            manager_address=str(props["manager_address"]),
            address=str(props["address"]),
            as_manager=bool(props["as_manager"]),
        )
        gone = {name: None for name in olds.get("labels") or {} if name not in props["labels"]}
        swarm_nodes.set_labels(str(props["manager"]), node, {**gone, **props["labels"]})
        return {**props, "node_id": node, "state": READY}


@dataclass(frozen=True, kw_only=True)
class SwarmNodeArgs:
    """`host` and `manager` are ssh URLs, the addresses private ones, `labels` those that this resource keeps."""

    name: str
    host: pulumi.Input[str]
    host_id: pulumi.Input[str]
    address: pulumi.Input[str]
    manager: pulumi.Input[str]
    manager_address: pulumi.Input[str]
    cluster_id: pulumi.Input[str]
    as_manager: bool
    labels: dict[str, str]


class SwarmNode(Resource, module="hosts", name="SwarmNode"):
    """The host's membership."""

    node_id: pulumi.Output[str]

    def __init__(self, args: SwarmNodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(SwarmNodeProvider(), args.name, {**vars(args), "node_id": None, "state": None}, opts)
