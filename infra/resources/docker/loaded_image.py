"""An image on an engine, under a tag.

The docker-build plugin loads an image and then forgets it: it neither notices a missing image nor removes a tag that
nothing uses any more. This resource does both.
"""

from contextlib import closing
from dataclasses import dataclass

import pulumi
from docker.errors import ImageNotFound
from typing_extensions import override

from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.docker.client import connect


@dataclass(frozen=True, kw_only=True)
class LoadedImageInputs:
    """See LoadedImageArgs."""

    docker_host: str
    tag: str


class LoadedImageProvider(Provider[LoadedImageInputs]):
    """The ID is the image's. A new tag replaces the resource, and the old tag is removed once nothing runs it."""

    replace_on = ("tag", "docker_host")

    @override
    def create_resource(self, inputs: LoadedImageInputs) -> tuple[str, State]:
        """Check that the image exists."""
        with closing(connect(inputs.docker_host)) as engine:
            try:
                return str(engine.images.get(inputs.tag).id), {}
            except ImageNotFound:
                message = (
                    f"image {inputs.tag} was built but is not on the engine; if it was removed by hand, build it again "
                    "with `pulumi up --replace` and the URN of its docker-build Image"
                )
                raise RuntimeError(message) from None

    @override
    def observe(self, id_: str, inputs: LoadedImageInputs, state: State) -> Observed[LoadedImageInputs] | None:
        """None if the engine has no image with the tag."""
        with closing(connect(inputs.docker_host)) as engine:
            try:
                engine.images.get(inputs.tag)
            except ImageNotFound:
                return None
        return Observed()

    @override
    def delete_resource(self, id_: str, inputs: LoadedImageInputs, state: State) -> None:
        """Remove the tag. Forced, since a task that has just been stopped may still hold the image."""
        with closing(connect(inputs.docker_host)) as engine:
            try:
                engine.images.remove(inputs.tag, force=True)
            except ImageNotFound:
                return


@dataclass(frozen=True, kw_only=True)
class LoadedImageArgs:
    """The image that `tag` names on the engine at `docker_host`."""

    docker_host: pulumi.Input[str]
    tag: pulumi.Input[str]


class LoadedImage(ManagedResource, module="docker", name="LoadedImage"):
    """An image on an engine."""

    tag: pulumi.Output[str]

    def __init__(self, name: str, args: LoadedImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(LoadedImageProvider(), name, args, opts)
