"""Resources that a stack leaked on the engine, and their removal."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import docker
from docker.errors import NotFound

from infra.swarm.spec import NAMESPACE_LABEL


@dataclass(frozen=True)
class LeakedResource:
    """One thing on the engine that belongs to a stack."""

    kind: str
    name: str
    remove: Callable[[], object]

    def __str__(self) -> str:
        """For messages."""
        return f"{self.kind} {self.name}"


def _find(engine: docker.DockerClient, stack: str) -> Iterator[LeakedResource]:
    """In an order in which they can be removed."""
    yield from _in_swarm(engine, stack)
    own = f"{stack}-"
    for container in engine.containers.list(all=True, ignore_removed=True):
        if str(container.name).startswith(own):
            yield LeakedResource("container", str(container.name), partial(container.remove, force=True, v=True))
    for network in engine.networks.list(filters={"label": f"{NAMESPACE_LABEL}={stack}"}):
        yield LeakedResource("network", str(network.name), network.remove)
    for volume in engine.volumes.list():
        if volume.name.startswith(own):
            yield LeakedResource("volume", volume.name, partial(volume.remove, force=True))
    for tag in (tag for image in engine.images.list() for tag in image.tags if tag.startswith(f"localhost/{stack}/")):
        yield LeakedResource("image", tag, partial(engine.images.remove, tag, force=True))


def _in_swarm(engine: docker.DockerClient, stack: str) -> Iterator[LeakedResource]:
    if not engine.info()["Swarm"].get("ControlAvailable"):
        return
    label = {"label": f"{NAMESPACE_LABEL}={stack}"}
    for kind, collection in (("service", engine.services), ("secret", engine.secrets), ("config", engine.configs)):
        for item in collection.list(filters=label):
            yield LeakedResource(kind, str(item.name), item.remove)


def leaked_resources(stack: str) -> list[str]:
    """Everything on the engine that belongs to the stack, by kind and name."""
    with closing(docker.from_env()) as engine:
        return [str(item) for item in _find(engine, stack)]


def remove_leaked_resources(stack: str) -> None:
    """Clean up after an interrupted run."""
    with closing(docker.from_env()) as engine:
        for item in _find(engine, stack):
            try:
                item.remove()
            except NotFound:
                continue
