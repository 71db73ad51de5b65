"""Commands in containers, by Docker's own client: docker-py loses what a quick one prints (its issue 3332)."""

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from docker.models.containers import Container


class Executed(NamedTuple):
    """A command that has ended: its exit code, and its output and errors as they came."""

    code: int
    output: bytes


def execute(container: Container, command: Sequence[str], **environment: str) -> Executed:
    """Run it; a container that does not run is a code of 1 and Docker's message."""
    # Names alone, so that no value is on a command line.
    names = [f"--env={name}" for name in environment]
    result = subprocess.run(
        ["docker", "exec", *names, str(container.id), *command],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return Executed(result.returncode, result.stdout)
