"""Stops services whose networks will change, before what they need to stop cleanly is replaced.

A service's networks cannot change in place, so Pulumi replaces the service: what others depend on goes first. Druid's
processes take minutes to stop once ZooKeeper is gone, longer than the Docker provider waits for a deletion.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import docker
import pulumi
from docker.models.services import Service

from infra.resources.common.provider import ManagedResource, Provider
from infra.resources.common.retry import Deadline
from infra.resources.docker.client import connect

PATIENCE = 120


@dataclass(frozen=True, kw_only=True)
class StoppedFirstInputs:
    """`services` maps names of services to the names of the networks that they will be in."""

    docker_host: str
    services: dict[str, list[str]]


class StoppedFirstProvider(Provider[StoppedFirstInputs]):
    """Changes nothing if a service does not exist or is in the right networks already."""

    not_compared = ("docker_host",)

    def create_resource(self, inputs: StoppedFirstInputs) -> tuple[str, Mapping[str, Any]]:
        """Stop the tasks of every service that is in other networks, and wait until they have ended."""
        with closing(connect(inputs.docker_host)) as engine:
            names = {network.id: network.name for network in engine.networks.list(filters={"driver": "overlay"})}
            moving = [
                service
                for service in engine.services.list()
                if service.name in inputs.services and _networks(service, names) != set(inputs.services[service.name])
            ]
            for service in moving:
                service.scale(0)
            deadline = Deadline(PATIENCE)
            while any(_is_running(engine, service) for service in moving) and deadline.wait():
                pass
        return "stopped-first", {}


def _networks(service: Service, names: Mapping[str | None, str | None]) -> set[str | None]:
    attached = service.attrs["Spec"]["TaskTemplate"].get("Networks") or []
    return {names.get(network["Target"]) for network in attached}


def _is_running(engine: docker.DockerClient, service: Service) -> bool:
    ended = {"complete", "shutdown", "failed", "rejected", "remove", "orphaned"}
    tasks = engine.api.tasks(filters={"service": service.id})
    return any(task["Status"]["State"] not in ended for task in tasks)


@dataclass(frozen=True, kw_only=True)
class StoppedFirstArgs:
    """The inputs as a program gives them."""

    docker_host: pulumi.Input[str]
    services: dict[str, list[str]]


class StoppedFirst(ManagedResource, module="swarm", name="StoppedFirst"):
    """Complete when no service that will move runs."""

    def __init__(self, name: str, args: StoppedFirstArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(StoppedFirstProvider(), name, args, opts)
