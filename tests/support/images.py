"""Images of the services, for tests of one of them."""

import os
import subprocess
from pathlib import Path

from infra.paths import ROOT, SERVICES
from infra.versions import build_args

# An engine's own BuildKit is enough; a newer client without buildx would fall back to the old builder.
DOCKER = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"


def build(
    name: str, target: str | None = None, *, variant: str = "", context: str = "services", **arguments: str
) -> str:
    """Build a service's image from the checkout, or a stage of its Dockerfile; its tag.

    What did not change comes from the engine's cache. `arguments` replace defaults of the Dockerfile; an image with
    other arguments needs a `variant`, for a tag of its own. `context` is relative to the checkout.
    """
    tag = "-".join(filter(None, (f"clickstream-test/{name}", target, variant)))
    options = [] if target is None else ["--target", target]
    dockerfile = SERVICES / name / "Dockerfile"
    arguments = build_args(dockerfile) | arguments
    options += [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
    command = [DOCKER, "build", "-q", "-t", tag, *options, "-f", str(dockerfile), context]
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    subprocess.run(command, cwd=ROOT, check=True, env=environment, stdout=subprocess.DEVNULL)
    return tag
