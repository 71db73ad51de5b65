"""The images of the hosts and of the cloud's services: built once for what is in them, from Debian's packages."""

import hashlib
import logging
import time
from pathlib import Path

import docker
from docker.errors import BuildError, ImageNotFound

from infra.versions import build_args
from tests.fakes.digitalocean.backend import BackendError
from toolchain.engine import BASE_IMAGE

log = logging.getLogger("digitalocean")

CONTEXT = Path(__file__).parent / "image"
VERSIONS = build_args(CONTEXT / "Dockerfile")
REPOSITORY = "localhost/clickstream-simulator"


def _fingerprint(engine: docker.DockerClient) -> str:
    content = hashlib.sha256()
    try:
        content.update(str(engine.images.get(BASE_IMAGE).id).encode())
    except ImageNotFound:
        message = f"the engine has no image {BASE_IMAGE}, of which hosts are made: run `make setup` first"
        raise BackendError(message) from None
    for file in sorted(CONTEXT.iterdir()):
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    content.update(repr(VERSIONS).encode())
    return content.hexdigest()[:12]


def ensure(engine: docker.DockerClient, target: str) -> str:
    """The image of a stage of the Dockerfile (`host` or `services`), built if there is none yet."""
    name = f"{REPOSITORY}/{target}:{_fingerprint(engine)}"
    try:
        engine.images.get(name)
    except ImageNotFound:
        started = time.monotonic()
        log.info("building %s", name)
        try:
            engine.images.build(
                path=str(CONTEXT),
                target=target,
                tag=name,
                buildargs=VERSIONS,
                network_mode="host",
                rm=True,
                forcerm=True,
            )
        except BuildError as error:
            output = "".join(line.get("stream", "") for line in error.build_log)
            message = f"building {name} failed: {error.msg}\n{output[-2000:]}"
            raise BackendError(message) from None
        log.info("built %s in %d s", name, time.monotonic() - started)
    return name
