"""Whether the stack's secrets are anywhere but in the containers that need them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.security.running import SERVICE_LABEL, inside

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker
    from docker.models.containers import Container

SHORTEST = 12
"""A shorter text may be anywhere by chance."""
LOG_LINES = 20_000

READ = 'for file in /run/secrets/*; do [[ -f $file ]] && { echo "$file"; cat "$file"; echo; echo; }; done; true'


def secrets_of(running: Mapping[str, Container]) -> dict[str, str]:
    """Every secret's text, by name."""
    found: dict[str, str] = {}
    for container in running.values():
        for part in inside(container, READ).split("\n\n"):
            name, _, value = part.strip().partition("\n")
            if len(value.strip()) >= SHORTEST:
                found[name.removeprefix("/run/secrets/")] = value.strip()
    return found


def leaks(engine: docker.DockerClient, running: Mapping[str, Container]) -> list[str]:
    """Where each secret is found in descriptions, command lines, logs and images; empty if nowhere."""
    secrets = secrets_of(running)
    if not secrets:
        return ["no secret could be read, so none could be looked for"]
    problems = []
    for name, container in running.items():
        service = engine.services.get(container.labels[SERVICE_LABEL])
        image = container.image
        assert image is not None
        places = {
            "docker inspect": json.dumps(container.attrs),
            "docker service inspect": json.dumps(service.attrs),
            "the process list": json.dumps(container.top(ps_args="-eo pid,args")),
            "the log": container.logs(tail=LOG_LINES).decode(errors="replace"),
            "the image's history": json.dumps([image.history(), image.attrs]),
        }
        for place, text in places.items():
            problems += [f"{secret} of {name} is in {place}" for secret, value in secrets.items() if value in text]
    return problems
