"""The website's image in containers of its own, each with its settings."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest

from tests.support.images import build
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker


class Start(Protocol):
    """Starts a website with settings; gives its address."""

    def __call__(self, secret: str = "", **environment: str) -> str: ...


@contextmanager
def websites(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, image: str = "") -> Iterator[Start]:
    """Starts a website with settings, read-only as on a stack; gives its address. `secret` is the ipstack key.

    Without an image it is the shop.
    """
    image = image or build("website")
    started = []

    def run(secret: str = "", **environment: str) -> str:
        volumes = {}
        if secret:
            file = tmp_path_factory.mktemp("website") / "key"
            file.write_text(secret)
            file.chmod(0o644)
            volumes[str(file)] = {"bind": "/run/secrets/key", "mode": "ro"}
            environment["IPSTACK_ACCESS_KEY_FILE"] = "/run/secrets/key"
        options: dict[str, Any] = {
            "name": f"clickstream-website-test-{uuid.uuid4().hex[:8]}",
            "environment": environment,
            "read_only": True,
            "tmpfs": {"/var/lib/website": "uid=10001"},
            # Some free port of this machine.
            "ports": {"8000/tcp": ("127.0.0.1", None)},
            "volumes": volumes,
        }
        container = engine.containers.run(image, detach=True, **options)
        started.append(container)

        def answering() -> str | None:
            container.reload()
            if container.status == "exited":
                pytest.fail(f"the website has ended: {container.logs().decode()}")
            published: Any = container.ports.get("8000/tcp")
            url = f"http://127.0.0.1:{published[0]['HostPort']}"
            return url if httpx.get(f"{url}/healthz").is_success else None

        url = until(answering, what="the website", seconds=30, retry_on=(httpx.TransportError, TypeError))
        assert url is not None
        return url

    yield run
    for container in started:
        container.remove(force=True, v=True)
