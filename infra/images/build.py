"""Builds the images. Each is named by a hash of its inputs, so that it is rebuilt only when they change."""

from collections.abc import Iterable, Mapping

import pulumi
import pulumi_docker_build as docker_build

from infra.config import ImagesConfig
from infra.images.context import context_of
from infra.images.source import ImageSource
from infra.resources.docker.loaded_image import LoadedImage, LoadedImageArgs


def pushed_tag(server: str, stack: str, source: ImageSource) -> str:
    """An image's name at a registry: one repository for each stack, and a tag for each image.

    Registries limit the number of repositories. Stacks do not share one: deleting a stack deletes its manifests by
    digest, and with the same content two stacks have the same digests.
    """
    return f"{server}/{stack}:{source.name}-{source.content_hash()}"


def local_tag(stack: str, source: ImageSource) -> str:
    """An image's name on the engine. Nobody can publish under localhost, so an engine never finds a newer one."""
    return f"localhost/{stack}/{source.name}:{source.content_hash()}"


class Images(pulumi.ComponentResource):
    """All images of a stack. `refs` maps a source's name to what a service deploys."""

    refs: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        stack: str,
        config: ImagesConfig,
        sources: Iterable[ImageSource],
        *,
        registry: docker_build.RegistryArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Build them all.

        With a registry configured the images are pushed and deployed by digest; without one they stay on the engine
        and are deployed by their tag, which is the hash of their content.
        """
        super().__init__("clickstream:index:Images", "images", None, opts)
        self._docker_host = config.docker_host
        refs: dict[str, pulumi.Output[str]] = {}
        for source in sources:
            push = bool(config.registry_server)
            tag = pushed_tag(config.registry_server, stack, source) if push else local_tag(stack, source)
            image = docker_build.Image(
                source.name,
                tags=[tag],
                context={"location": context_of(source)},
                dockerfile={"location": f"services/{source.folder}/Dockerfile"},
                build_args=source.build_args(),
                builder={"name": config.builder} if config.builder else None,
                platforms=[docker_build.Platform(config.image_platform)] if config.image_platform else None,
                load=not push,
                push=push,
                registries=[registry] if registry else None,
                # A preview reports that an image will be built, without spending minutes on the build.
                build_on_preview=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            refs[source.name] = image.ref if push else self._on_engine(source.name, tag, image).tag
        self.refs = refs
        self.register_outputs({"refs": refs})

    def _on_engine(self, name: str, tag: str, image: docker_build.Image) -> LoadedImage:
        return LoadedImage(
            name,
            LoadedImageArgs(docker_host=self._docker_host, tag=tag),
            pulumi.ResourceOptions(parent=self, depends_on=[image]),
        )
