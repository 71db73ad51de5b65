"""Waits until a machine that was just made can be worked with: ssh, cloud-init done, Docker answering."""

import time
from typing import Any

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from infra.resources.clients.digitalocean import ApiError, DigitalOcean, login
from infra.resources.clients.ssh import CommandError, SshError, SshHost

READY = "ready"
ACTIVE = "active"
POLL_SECONDS = 2.0
KEY_SECONDS = 90.0
"""A new host accepts the key only when cloud-init has put it there."""

LEAST_SECONDS = 60.0
"""For a step that begins when the time is nearly over."""

CLOUD_INIT = """
cloud-init status --wait >/dev/null 2>&1
code=$?
if [ $code -ne 0 ] && [ $code -ne 2 ]; then
  cloud-init status --long
  tail -n 25 /var/log/cloud-init-output.log
  exit 1
fi
"""
"""Exit code 2 of cloud-init means: done, with a warning."""

DOCKER = """
for _ in $(seq 30); do
  docker version --format '{{.Server.Version}}' 2>/tmp/docker-version && exit 0
  sleep 1
done
cat /tmp/docker-version
exit 1
"""
OPERATORS = """
umask 077
mkdir -p ~/.ssh
cat >~/.ssh/authorized_keys_operators
"""


class NotReadyError(Exception):
    """The machine did not get there; the text says how far it got."""


class HostReadyProvider(ResourceProvider):
    """State: the inputs, `docker_version`, and `state`: `ready`, or what was seen instead."""

    def configure(self, req: ConfigureRequest) -> None:
        """DigitalOcean's token, to switch a droplet on that is off."""
        self.token, self.endpoint = login(req.config.get)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait."""
        return CreateResult(str(props["name"]), self._ready(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Wait again: another machine, other operators, or one that a refresh found silent."""
        return UpdateResult(self._ready(news))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A new droplet under the name, new keys of people, or a host that is not well."""
        changed = any(olds.get(key) != news.get(key) for key in ("host_id", "operator_keys"))
        return DiffResult(changes=changed or olds.get("state") != READY or news.get("droplet_status") != ACTIVE)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether it answers now."""
        try:
            SshHost.parse(str(props["host"])).run("docker version", timeout=20)
            state = READY
        except (SshError, CommandError) as error:
            state = str(error)
        return ReadResult(id_, {**props, "state": state})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Nothing was made, so nothing is left to delete."""

    def _ready(self, props: dict[str, Any]) -> dict[str, Any]:
        self._switch_on(props)
        host = SshHost.parse(str(props["host"]))
        deadline = time.monotonic() + float(props["timeout"])
        wait_for_ssh(host, deadline)
        run(host, "cloud-init did not finish well", CLOUD_INIT, deadline=deadline)
        version = run(host, "Docker does not answer", DOCKER, deadline=deadline)
        keys = "".join(f"{key}\n" for key in props["operator_keys"])
        run(host, "operators' keys can not be written", OPERATORS, deadline=deadline, stdin=keys)
        return {**props, "docker_version": version, "state": READY}

    def _switch_on(self, props: dict[str, Any]) -> None:
        if props.get("droplet_status") == ACTIVE or not self.token:
            return
        try:
            with DigitalOcean(self.token, self.endpoint) as cloud:
                cloud.power_on(int(float(props["host_id"])))
        except ApiError as error:
            message = f"droplet {props['name']} is {props['droplet_status']} and can not be switched on: {error}"
            raise NotReadyError(message) from None


def wait_for_ssh(host: SshHost, deadline: float) -> None:
    """Return when a command can be run. A wrong host key ends the wait at once, a refused key soon.

    Raises:
        NotReadyError: with what ssh said last.
    """
    refused_since: float | None = None
    started = time.monotonic()
    while True:
        try:
            host.run("true", timeout=30)
        except (SshError, CommandError) as error:
            said, now = str(error), time.monotonic()
            refused_since = (refused_since or now) if "Permission denied" in said else None
            hopeless = "not going on" in said or "has no key" in said
            if hopeless or now > deadline or (refused_since and now - refused_since > KEY_SECONDS):
                message = f"{host.alias} is not reachable after {now - started:.0f} s: {said}"
                raise NotReadyError(message) from None
            time.sleep(POLL_SECONDS)
        else:
            return


def run(host: SshHost, what: str, script: str, *, deadline: float, stdin: str = "") -> str:
    """A step of the set-up, its failure explained. A cut connection is made again: cloud-init may restart sshd."""
    while True:
        try:
            return host.run(script, stdin=stdin, timeout=max(deadline - time.monotonic(), LEAST_SECONDS))
        except CommandError as error:
            message = f"{what} on {error}"
            raise NotReadyError(message) from None
        except SshError as error:
            wait_for_ssh(host, deadline)
            if time.monotonic() > deadline:
                message = f"{what}: {error}"
                raise NotReadyError(message) from None


class HostReady(Resource, module="hosts", name="HostReady"):
    """Done when the host can be worked with.

    `host` is its ssh URL, `host_id` identifies the machine behind the address, `timeout` is in seconds.
    """

    docker_version: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: pulumi.Input[str],
        host_id: pulumi.Input[str],
        droplet_status: pulumi.Input[str],
        operator_keys: list[str],
        timeout: int = 600,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the wait."""
        super().__init__(
            HostReadyProvider(),
            name,
            {
                "name": name,
                "host": host,
                "host_id": host_id,
                "droplet_status": droplet_status,
                "operator_keys": operator_keys,
                "timeout": timeout,
                "docker_version": None,
                "state": None,
            },
            opts,
        )
