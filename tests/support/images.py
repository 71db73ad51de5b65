"""Images of the services, for tests of one of them."""

import os
import subprocess
from pathlib import Path

from tests.support.stack_config import ROOT


def build(name: str) -> str:
    """Build a service's image from the checkout; its tag. What did not change comes from the engine's cache."""
    tag = f"clickstream-test/{name}"
    command = ["docker", "build", "-q", "-t", tag, "-f", f"services/{name}/Dockerfile", "services"]
    # An engine's own BuildKit is enough; a newer client without buildx would fall back to the old builder.
    client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
    subprocess.run([client, *command[1:]], cwd=ROOT, check=True, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    return tag
