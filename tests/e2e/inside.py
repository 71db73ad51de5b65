"""Scripts that run inside the platform's network, in the container of avro-to-json: Kafka publishes no port."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import docker

from tests.e2e.conftest import PROJECT_NAME


@contextmanager
def inside(script: str) -> Iterator["subprocess.Popen[str]"]:
    """Run it, with confluent_kafka at hand; the process's input and output are open as text."""
    with closing(docker.from_env()) as engine:
        (container, *_) = engine.containers.list(filters={"name": f"{PROJECT_NAME}-avro-to-json."}, ignore_removed=True)
        command = ["docker", "exec", "-i", str(container.id), "/opt/avro-to-json/bin/python", "-u", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
