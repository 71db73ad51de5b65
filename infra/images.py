"""The images: built from services/, named by a hash of what goes into them, rebuilt only when that changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_docker_build as docker_build

from infra.config import ImagesConfig
from infra.resources.loaded_image import LoadedImage, LoadedImageArgs

SERVICES_DIR = Path(__file__).parent.parent / "services"
SCHEMA = "schema"


ZOOKEEPER = "zookeeper"
"""Runs from our Druid image, which has it in its libraries, also where an official Druid image is configured."""


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """An image's folder under services/, and the shared folders that its build reads as well."""

    name: str
    shared: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Folders hold Python packages, so they use underscores where images use hyphens."""
        return self.name.replace("-", "_")

    def files(self, root: Path = SERVICES_DIR) -> list[Path]:
        """Every file of the build context, in a stable order."""
        ignored = {"__pycache__", "node_modules", "dist", "tests", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
        return sorted(
            path
            for folder in (self.folder, *self.shared)
            for path in (root / folder).rglob("*")
            if path.is_file() and not ignored & set(path.relative_to(root).parts)
        )

    def content_hash(self, root: Path = SERVICES_DIR) -> str:
        """Hash of names, modes and contents; the same on every machine for the same commit."""
        digest = hashlib.sha256()
        for path in self.files(root):
            executable = bool(path.stat().st_mode & 0o100)
            digest.update(f"{path.relative_to(root).as_posix()}\0{executable}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]


IMAGE_SOURCES = (
    ImageSource(name="kafka"),
    ImageSource(name="druid"),
    ImageSource(name="postgres"),
    ImageSource(name="superset"),
    ImageSource(name="collector", shared=(SCHEMA,)),
    ImageSource(name="avro-to-json", shared=(SCHEMA,)),
    ImageSource(name="kafka-manager", shared=(SCHEMA,)),
    ImageSource(name="website"),
    ImageSource(name="edge"),
)


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

        With a registry configured the images are pushed and deployed by digest; without one they stay on the
        engine, under a tag that is the hash of their content.
        """
        super().__init__("clickstream:index:Images", "images", None, opts)
        self._docker_host = config.docker_host
        refs: dict[str, pulumi.Output[str]] = {}
        for source in IMAGE_SOURCES:
            if source.name in overrides and source.name != "druid":
                continue
            push = bool(config.registry_server)
            # Nobody can publish under localhost, so an engine that looks for a newer image finds none but ours.
            repository = f"{config.registry_server if push else f'localhost/{stack}'}/{source.name}"
            tag = f"{repository}:{source.content_hash()}"
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
