"""An image on an engine, under a tag.

The docker-build plugin loads images and then forgets them: it neither notices that one is gone nor removes a tag
that nothing uses any more. This resource does both.
"""

from contextlib import closing
from typing import Any

import pulumi
from docker.errors import ImageNotFound
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from infra.resources.clients.swarm import connect


class LoadedImageProvider(ResourceProvider):
    """State: the inputs. The id is the image's own."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make sure that the image is there."""
        tag = str(props["tag"])
        with closing(connect(str(props["docker_host"]))) as engine:
            try:
                image_id = str(engine.images.get(tag).id)
            except ImageNotFound:
                message = (
                    f"image {tag} was built but is not on the engine; if it was removed by hand, build it again with "
                    f"`pulumi up --replace` and the URN of its docker-build Image"
                )
                raise RuntimeError(message) from None
        return CreateResult(image_id, props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another tag is another image; the old tag goes once nothing runs it."""
        replaces = [key for key in ("tag", "docker_host") if olds.get(key) != news.get(key)]
        return DiffResult(changes=bool(replaces), replaces=replaces)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the engine has no image under the tag."""
        with closing(connect(str(props["docker_host"]))) as engine:
            try:
                engine.images.get(str(props["tag"]))
            except ImageNotFound:
                return ReadResult(None, {})
        return ReadResult(id_, props)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove the tag. Forced, since a task that has just been stopped may still hold the image."""
        with closing(connect(str(props["docker_host"]))) as engine:
            try:
                engine.images.remove(str(props["tag"]), force=True)
            except ImageNotFound:
                return


class LoadedImage(Resource, module="docker", name="LoadedImage"):
    """The image that `tag` names on the engine at `docker_host`."""

    tag: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        docker_host: pulumi.Input[str],
        tag: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it."""
        super().__init__(LoadedImageProvider(), name, {"docker_host": docker_host, "tag": tag}, opts)
