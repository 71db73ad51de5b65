"""The Docker engine's HTTP API, as far as the shim for docker needs it."""

import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException

from toolchain.provider_shims.kinds import ProviderError

DEFAULT_HOST = "unix:///var/run/docker.sock"
TIMEOUT_SECONDS = 120
FORWARD_TIMEOUT_SECONDS = 30
HTTP_CONFLICT = 409

CONFIGURATION = frozenset(
    {"host", "sshOpts", "registryAuth", *(f"registryAuth[*].{key}" for key in ("address", "username", "password"))}
)
"""Of the provider, as far as the shim supports it."""


class NotFoundError(ProviderError):
    """The engine does not know the object."""


class InUseError(ProviderError):
    """The engine refuses because something still uses the object."""


class Engine:
    """One engine, connected at first use so that a preview needs none."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._lock = threading.Lock()
        self._client: docker.APIClient | None = None
        self._forward: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """The configured address, else DOCKER_HOST, else the local socket."""
        return self._configuration.get("host") or os.environ.get("DOCKER_HOST") or DEFAULT_HOST

    def ping(self) -> None:
        """ProviderError if no engine answers."""
        self.call("GET", "/_ping")

    def call(self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """One request; gives the answer's JSON (text if it is none)."""
        client = self._connected()
        url = f"{client.base_url}/v{client.api_version}{path}"
        try:
            answer = client.request(method, url, json=body, headers=dict(headers or {}), timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            msg = f"the Docker engine at {self.host} does not answer: {error}"
            raise ProviderError(msg) from error
        if answer.ok:
            if "json" in answer.headers.get("Content-Type", ""):
                return answer.json()
            return answer.text
        message = _message(answer)
        if answer.status_code == requests.codes.not_found:
            raise NotFoundError(message)
        if answer.status_code == HTTP_CONFLICT or "in use" in message or "active endpoints" in message:
            raise InUseError(message)
        msg = f"{method} {path.split('?')[0]}: {message}"
        raise ProviderError(msg)

    def credentials(self, image: str) -> Mapping[str, Any] | None:
        """The `registryAuth` whose address is the registry of an image."""
        registry = image.split("/")[0]
        for entry in self._configuration.get("registryAuth", []):
            if entry["address"].removeprefix("https://").split("/")[0] == registry and entry.get("username"):
                credentials: Mapping[str, Any] = entry
                return credentials
        return None

    def close(self) -> None:
        """Ends the ssh client, if there is one."""
        if self._forward is not None:
            self._forward.terminate()

    def _connected(self) -> docker.APIClient:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> docker.APIClient:
        host = self.host
        try:
            address = self._forwarded(host) if host.startswith("ssh://") else host
            return docker.APIClient(base_url=address, version="auto", timeout=TIMEOUT_SECONDS)
        except (DockerException, OSError) as error:
            msg = f"failed to connect to any docker daemon: {host}: {error}"
            raise ProviderError(msg) from error

    def _forwarded(self, host: str) -> str:
        """Brings a remote engine's socket here with the system's ssh client, which takes `sshOpts` as they are."""
        folder = tempfile.mkdtemp(prefix="docker-ssh-")
        socket = Path(folder, "docker.sock")
        target, _, port = host.removeprefix("ssh://").partition(":")
        options = [part for option in self._configuration.get("sshOpts", []) for part in shlex.split(option)]
        command = ["ssh", *options, *(["-p", port] if port else []), "-N", "-T"]
        command += ["-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes"]
        command += ["-L", f"{socket}:/var/run/docker.sock", target]
        self._forward = subprocess.Popen(command, stderr=subprocess.PIPE)
        deadline = time.monotonic() + FORWARD_TIMEOUT_SECONDS
        while not socket.exists():
            if self._forward.poll() is not None or time.monotonic() > deadline:
                self._forward.terminate()
                _, problem = self._forward.communicate()
                msg = f"failed to connect to any docker daemon: {host}: {problem.decode(errors='replace').strip()}"
                raise ProviderError(msg)
            time.sleep(0.05)
        return f"unix://{socket}"


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}: {answer.text[:500]}"
