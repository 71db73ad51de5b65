"""Counts a service's revisions, so that the wait for them survives a failed `up`.

A wait that fails leaves its state as it was, with the last revision that got ready. Going back to that revision would
look like no change there, and nobody would wait. This count is kept whether the wait succeeds or fails.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.resources.common.provider import ManagedResource, Provider, State


@dataclass(frozen=True, kw_only=True)
class RolloutInputs:
    """The service's name on the swarm, and the revision that it is asked to run."""

    service: str
    revision: str


class RolloutProvider(Provider[RolloutInputs]):
    """Changes nothing on the swarm."""

    outputs = ("number",)

    def create_resource(self, inputs: RolloutInputs) -> tuple[str, Mapping[str, Any]]:
        """The first."""
        return inputs.service, {"number": 1}

    def update_resource(self, id_: str, old: State, inputs: RolloutInputs) -> Mapping[str, Any]:
        """One more."""
        del id_, inputs
        return {"number": int(old["number"]) + 1}


@dataclass(frozen=True, kw_only=True)
class RolloutArgs:
    """The inputs as a program gives them."""

    service: str
    revision: pulumi.Input[str]


class Rollout(ManagedResource, module="swarm", name="Rollout"):
    """The number of revisions that a service was asked to run."""

    number: pulumi.Output[int]

    def __init__(self, name: str, args: RolloutArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the count."""
        super().__init__(RolloutProvider(), name, args, opts)
