"""Waits until a swarm service has healthy tasks of the revision asked for.

The Docker provider's own waiting says only "did not converge after 1m0s" and removes the service with its logs.
This one fails with the failing task's state and last log lines, and leaves the service there to be looked at.
"""

from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from infra.resources.docker.client import SwarmClient

READY = "ready"
CHANGED = "changed since it was ready"
COMPARED = ("revision", "rollout", "members")


class ServiceReadyProvider(ResourceProvider):
    """State: the inputs plus `state`, `ready` or what was seen instead, and the specification that was ready."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse a timeout that cannot be waited for."""
        timeout = news.get("timeout")
        if isinstance(timeout, (int, float)) and timeout <= 0:
            return CheckResult(news, [CheckFailure("timeout", f"{timeout} given; seconds above 0 are allowed")])
        return CheckResult(news, [])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A new rollout is waited for; so is what ran on a node that is lost, or was found unwell or changed."""
        replaces = ["service_id"] if olds.get("service_id") != news.get("service_id") else []
        changed = any(olds.get(key) != news.get(key) for key in COMPARED) or olds.get("state") != READY
        return DiffResult(changes=bool(replaces) or changed, replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait; raise with the failing task's last lines if it does not get there."""
        return CreateResult(str(props["service"]), {**props, **self._wait(props)})

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Wait again."""
        return UpdateResult({**news, **self._wait(news)})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What the service is like now."""
        with SwarmClient(str(props["docker_host"])) as swarm:
            progress = swarm.progress(str(props["service_id"]), replicas=int(props["replicas"]))
        if progress is None:
            return ReadResult(None, {})
        state = READY if progress.ready else progress.summary
        if progress.ready and props.get("specification") not in (None, progress.specification):
            # By hand. The `up` that reverts it replaces the tasks, and must wait for them.
            state = CHANGED
        return ReadResult(id_, {**props, "state": state})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Nothing was made, so nothing is left to delete."""

    @staticmethod
    def _wait(props: dict[str, Any]) -> dict[str, Any]:
        with SwarmClient(str(props["docker_host"])) as swarm:
            progress = swarm.wait_until_ready(
                str(props["service_id"]),
                revision=str(props["revision"]),
                replicas=int(props["replicas"]),
                timeout=float(props["timeout"]),
            )
        return {"state": READY, "specification": progress.specification}


class ServiceReady(Resource, module="swarm", name="ServiceReady"):
    """Done when the service's tasks are healthy.

    `service_id` and `service` name it, `revision` is the label that it must carry, `rollout` the number of the
    `Rollout` that it waits for, `replicas` how many tasks it must have whatever somebody has scaled it to, `timeout` is
    in seconds, `members` are the ids of the nodes.
    """

    state: pulumi.Output[str]

    def __init__(  # noqa: PLR0913 - one a property, all by name
        self,
        name: str,
        *,
        docker_host: pulumi.Input[str],
        service_id: pulumi.Input[str],
        service: pulumi.Input[str],
        revision: pulumi.Input[str],
        rollout: pulumi.Input[int],
        replicas: int,
        timeout: int,
        members: pulumi.Input[list[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the wait."""
        super().__init__(
            ServiceReadyProvider(),
            name,
            {
                "docker_host": docker_host,
                "service_id": service_id,
                "service": service,
                "revision": revision,
                "rollout": rollout,
                "replicas": replicas,
                "timeout": timeout,
                "members": members,
                "state": None,
                "specification": None,
            },
            opts,
        )
