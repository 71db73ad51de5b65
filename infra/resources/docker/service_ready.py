"""Waits until a swarm service has healthy tasks of the requested revision.

The Docker provider's own wait only reports "did not converge after 1m0s", and removes the service with its logs. This
wait reports the failing task's state and last log lines, and leaves the service in place for inspection.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.resources.common.provider import READY, ManagedResource, Observed, Provider, State
from infra.resources.docker.client import SwarmClient

CHANGED = "changed since it was ready"


@dataclass(frozen=True, kw_only=True)
class ServiceReadyInputs:
    """What to wait for.

    `service_id` and `service` name it, `revision` is its required label, `rollout` is the `Rollout`'s number,
    `replicas` is the required number of tasks even if the service was scaled by hand, `timeout` is in seconds, and
    `members` are the IDs of the swarm's nodes.
    """

    docker_host: str
    service_id: str
    service: str
    revision: str
    replicas: int
    timeout: float
    rollout: int = 0
    members: list[str] | None = None


class ServiceReadyProvider(Provider[ServiceReadyInputs]):
    """Outputs: `state`, `ready` or what was observed instead, and the service's specification when it was ready."""

    outputs = ("state", "specification")
    replace_on = ("service_id",)
    not_compared = ("docker_host", "service", "replicas", "timeout")

    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        """Report a timeout that is not a positive number."""
        del old
        timeout = new.get("timeout")
        if isinstance(timeout, (int, float)) and timeout <= 0:
            yield "timeout", f"{timeout} given; seconds above 0 are allowed"

    def create_resource(self, inputs: ServiceReadyInputs) -> tuple[str, Mapping[str, Any]]:
        """Wait. If the service does not become ready, raise with the failing task's last lines."""
        with SwarmClient(inputs.docker_host) as swarm:
            progress = swarm.wait_until_ready(
                inputs.service_id, revision=inputs.revision, replicas=inputs.replicas, timeout=inputs.timeout
            )
        return inputs.service, {"state": READY, "specification": progress.specification}

    def observe(self, id_: str, inputs: ServiceReadyInputs, state: State) -> Observed[ServiceReadyInputs] | None:
        """The service as it is now."""
        del id_
        with SwarmClient(inputs.docker_host) as swarm:
            progress = swarm.progress(inputs.service_id, replicas=inputs.replicas)
        if progress is None:
            return None
        if progress.ready and state.get("specification") not in (None, progress.specification):
            # Changed by hand. The `up` that reverts it replaces the tasks, and must wait for them.
            return Observed(outputs={"state": CHANGED})
        return Observed(outputs={"state": READY if progress.ready else progress.summary})


@dataclass(frozen=True, kw_only=True)
class ServiceReadyArgs:
    """The inputs as a Pulumi program passes them."""

    docker_host: pulumi.Input[str]
    service_id: pulumi.Input[str]
    service: pulumi.Input[str]
    revision: pulumi.Input[str]
    rollout: pulumi.Input[int]
    replicas: int
    timeout: int
    members: pulumi.Input[list[str]] | None = None


class ServiceReady(ManagedResource, module="swarm", name="ServiceReady"):
    """Complete when the service's tasks are healthy."""

    state: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceReadyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the wait."""
        super().__init__(ServiceReadyProvider(), name, args, opts)
