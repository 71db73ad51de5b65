"""The images: built from services/, named by a hash of what goes into them, rebuilt only when that changes."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_docker_build as docker_build

from infra.config import ImagesConfig
from infra.paths import SERVICES
from infra.resources.docker.loaded_image import LoadedImage, LoadedImageArgs

SCHEMA = "schema"
COMMON = "common"


ZOOKEEPER = "zookeeper"
"""Runs from our Druid image, which has it in its libraries, also where an official Druid image is configured."""


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """An image's folder under services/, and the shared folders that its build reads as well."""

    name: str
    mebibytes: int
    """What the layers that it shares with no other image take at a registry, compressed."""

    shared: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Folders hold Python packages, so they use underscores where images use hyphens."""
        return self.name.replace("-", "_")

    def files(self, root: Path = SERVICES) -> list[Path]:
        """Every file of the build context, in a stable order."""
        ignored = {"__pycache__", "node_modules", "dist", "tests", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
        return sorted(
            path
            for folder in (self.folder, *self.shared)
            for path in (root / folder).rglob("*")
            if path.is_file() and not ignored & set(path.relative_to(root).parts)
        )

    def content_hash(self, root: Path = SERVICES) -> str:
        """Hash of names, modes and contents; the same on every machine for the same commit."""
        digest = hashlib.sha256()
        for path in self.files(root):
            executable = bool(path.stat().st_mode & 0o100)
            digest.update(f"{path.relative_to(root).as_posix()}\0{executable}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]


SHARED_MEBIBYTES = 111
"""The layers of the base image, and of the Java runtime that Kafka and Druid have in common; compressed."""

IMAGE_SOURCES = (
    ImageSource(name="kafka", mebibytes=59),
    ImageSource(name="druid", mebibytes=196),
    ImageSource(name="postgres", mebibytes=55),
    ImageSource(name="superset", mebibytes=232),
    ImageSource(name="collector", mebibytes=96, shared=(COMMON, SCHEMA)),
    ImageSource(name="avro-to-json", mebibytes=75, shared=(COMMON, SCHEMA)),
    ImageSource(name="kafka-manager", mebibytes=77, shared=(COMMON, SCHEMA)),
    ImageSource(name="website", mebibytes=9),
    ImageSource(name="edge", mebibytes=20),
)


def built_images(overrides: Collection[str]) -> list[ImageSource]:
    """Those that are built although `overrides` are given. Druid's is, since ZooKeeper runs from it."""
    return [source for source in IMAGE_SOURCES if source.name not in overrides or source.name == "druid"]


def pushed_mebibytes(overrides: Collection[str]) -> int:
    """What a stack's images take at a registry, where the layers that they share are stored once."""
    return SHARED_MEBIBYTES + sum(source.mebibytes for source in built_images(overrides))


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
    """All images of a stack. `refs` maps an image's name to what a service deploys."""

    refs: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        stack: str,
        config: ImagesConfig,
        *,
        overrides: Mapping[str, str],
        registry: docker_build.RegistryArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Build every image that `overrides` (name to image by digest) does not replace.

        With a registry configured the images are pushed and deployed by digest; without one they stay on the engine
        and are deployed by their tag, which is the hash of their content.
        """
        super().__init__("clickstream:index:Images", "images", None, opts)
        self._docker_host = config.docker_host
        refs: dict[str, pulumi.Output[str]] = {}
        for source in built_images(overrides):
            push = bool(config.registry_server)
            tag = pushed_tag(config.registry_server, stack, source) if push else local_tag(stack, source)
            image = docker_build.Image(
                source.name,
                tags=[tag],
                context={"location": "services"},
                dockerfile={"location": f"services/{source.folder}/Dockerfile"},
                builder={"name": config.builder} if config.builder else None,
                platforms=[docker_build.Platform(config.image_platform)] if config.image_platform else None,
                load=not push,
                push=push,
                registries=[registry] if registry else None,
                # A preview says that an image will be built; it does not spend minutes on building it.
                build_on_preview=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            refs[source.name] = image.ref if push else self._on_engine(source.name, tag, image).tag
        refs[ZOOKEEPER] = refs["druid"]
        refs |= {name: pulumi.Output.from_input(image) for name, image in overrides.items()}
        self.refs = refs
        self.register_outputs({"refs": refs})

    def _on_engine(self, name: str, tag: str, image: docker_build.Image) -> LoadedImage:
        return LoadedImage(
            name,
            LoadedImageArgs(docker_host=self._docker_host, tag=tag),
            pulumi.ResourceOptions(parent=self, depends_on=[image]),
        )
