"""Counts what a service was asked to run, so that the wait for it outlives an `up` that failed.

A wait that fails leaves its state as it was, with the last revision that got ready. Going back to that revision would
look like no change there, and nobody would wait. This count is kept whether the wait succeeds or fails.
"""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class RolloutProvider(ResourceProvider):
    """State: the revision, and how many there have been."""

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another revision is another rollout."""
        return DiffResult(changes=olds.get("revision") != news.get("revision"))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """The first."""
        return CreateResult(str(props["service"]), {**props, "number": 1})

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """One more."""
        return UpdateResult({**news, "number": int(olds["number"]) + 1})


class Rollout(Resource, module="swarm", name="Rollout"):
    """Nothing on the swarm: the number of revisions that a service was asked to run."""

    number: pulumi.Output[int]

    def __init__(
        self, name: str, *, service: str, revision: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare the count; `service` names the service on the swarm."""
        super().__init__(RolloutProvider(), name, {"service": service, "revision": revision, "number": None}, opts)
