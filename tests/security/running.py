"""The containers of a running stack, and scripts that run in them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

SERVICE_LABEL = "com.docker.swarm.service.name"


def containers(engine: docker.DockerClient, stack: str) -> dict[str, Container]:
    """One running container of each service on this engine, by the service's name."""
    found: dict[str, Container] = {}
    for container in engine.containers.list(filters={"label": SERVICE_LABEL}, ignore_removed=True):
        service = str(container.labels[SERVICE_LABEL])
        if service.startswith(f"{stack}-"):
            found[service.removeprefix(f"{stack}-")] = container
    return dict(sorted(found.items()))


def inside(container: Container, script: str) -> str:
    """The output of a bash script in the container, as the container's own user. Every image has bash.

    Raises:
        RuntimeError: if the script fails.
    """
    command = ["docker", "exec", "-i", str(container.id), "bash", "-s"]
    result = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=120)
    if result.returncode:
        message = f"a script in {container.name} ended with {result.returncode}: {result.stderr or result.stdout}"
        raise RuntimeError(message)
    return result.stdout


def addresses(container: Container) -> dict[str, str]:
    """The container's address in each of its networks, by the network's name."""
    networks = container.attrs["NetworkSettings"]["Networks"]
    return {name: settings["IPAddress"] for name, settings in networks.items() if settings["IPAddress"]}
