"""Counts a service's revisions, so that the next `up` waits for the service even after a failed one.

A failed wait leaves its state unchanged, with the last revision that became ready. Returning to that revision would
look like no change, so nothing would wait. This count increases whether the wait succeeds or fails.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.resources.common.provider import ManagedResource, Provider, State


@dataclass(frozen=True, kw_only=True)
class RolloutInputs:
    """The service's name on the swarm, and the requested revision."""

    service: str
    revision: str


class RolloutProvider(Provider[RolloutInputs]):
    """Changes nothing on the swarm."""

    outputs = ("number",)

    def create_resource(self, inputs: RolloutInputs) -> tuple[str, Mapping[str, Any]]:
        """Start at 1."""
        return inputs.service, {"number": 1}

    def update_resource(self, id_: str, old: State, inputs: RolloutInputs) -> Mapping[str, Any]:
        """Add 1."""
        del id_, inputs
        return {"number": int(old["number"]) + 1}


@dataclass(frozen=True, kw_only=True)
class RolloutArgs:
    """The inputs as a Pulumi program passes them."""

    service: str
    revision: pulumi.Input[str]


class Rollout(ManagedResource, module="swarm", name="Rollout"):
    """The number of revisions requested so far."""

    number: pulumi.Output[int]

    def __init__(self, name: str, args: RolloutArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the count."""
        super().__init__(RolloutProvider(), name, args, opts)
