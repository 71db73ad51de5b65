"""Waits until a new machine is usable: SSH works, cloud-init is done, and Docker responds."""

import time
from dataclasses import dataclass

import pulumi
from pulumi.dynamic import ConfigureRequest
from typing_extensions import override

from infra.config.credentials import digitalocean_login
from infra.resources.common.provider import READY, ManagedResource, Observed, Provider, State
from infra.resources.common.retry import Deadline
from infra.resources.common.ssh import CommandError, SshError, SshHost
from infra.resources.digitalocean.client import ApiError, DigitalOcean

ACTIVE = "active"
POLL_SECONDS = 2.0
KEY_SECONDS = 90.0
"""A new host accepts the key only once cloud-init has installed it."""

LEAST_SECONDS = 60.0
"""Minimum time for a step, even if the total is nearly up."""

CLOUD_INIT = """
cloud-init status --wait >/dev/null 2>&1
code=$?
if [ $code -ne 0 ] && [ $code -ne 2 ]; then
  cloud-init status --long
  tail -n 25 /var/log/cloud-init-output.log
  exit 1
fi
"""
"""cloud-init's exit code 2 means done, with a warning."""

DOCKER = """
for _ in $(seq 30); do
  docker version --format '{{.Server.Version}}' 2>/tmp/docker-version && exit 0
  sleep 1
done
cat /tmp/docker-version
exit 1
"""


class NotReadyError(Exception):
    """The machine did not become ready. The message says how far it got."""


@dataclass(frozen=True, kw_only=True)
class HostReadyInputs:
    """See HostReadyArgs."""

    name: str
    host: str
    host_id: str
    droplet_status: str
    timeout: float = 600


class HostReadyProvider(Provider[HostReadyInputs]):
    """`state` is READY, or what was observed instead."""

    outputs = ("docker_version", "state")
    not_compared = ("name", "host", "droplet_status", "timeout")

    @override
    def configure(self, req: ConfigureRequest) -> None:
        """Read DigitalOcean's token, to power on a droplet that is off."""
        self.token, self.endpoint = digitalocean_login(req.config.get)

    @override
    def changed(self, old: State, new: State) -> bool:
        """A new droplet has the name, or the host is not ready."""
        return super().changed(old, new) or new.get("droplet_status") != ACTIVE

    @override
    def create_resource(self, inputs: HostReadyInputs) -> tuple[str, State]:
        """Wait for a machine that is new or did not answer a refresh."""
        self._switch_on(inputs)
        host = SshHost.parse(inputs.host)
        deadline = Deadline(inputs.timeout, pause=POLL_SECONDS)
        wait_for_ssh(host, deadline)
        run(host, "cloud-init failed", CLOUD_INIT, deadline=deadline)
        version = run(host, "Docker does not answer", DOCKER, deadline=deadline)
        return inputs.name, {"docker_version": version, "state": READY}

    @override
    def observe(self, id_: str, inputs: HostReadyInputs, state: State) -> Observed[HostReadyInputs]:
        """Whether Docker answers now."""
        try:
            SshHost.parse(inputs.host).run("docker version", timeout=20)
        except (SshError, CommandError) as error:
            return Observed(outputs={"state": str(error)})
        return Observed(outputs={"state": READY})

    def _switch_on(self, inputs: HostReadyInputs) -> None:
        if inputs.droplet_status == ACTIVE or not self.token:
            return
        try:
            with DigitalOcean(self.token, self.endpoint) as cloud:
                cloud.power_on(int(float(inputs.host_id)))
        except ApiError as error:
            message = f"droplet {inputs.name} is {inputs.droplet_status} and cannot be powered on: {error}"
            raise NotReadyError(message) from None


def wait_for_ssh(host: SshHost, deadline: Deadline) -> None:
    """Return once commands can run. A wrong host key ends the wait at once, a refused deploy key after KEY_SECONDS.

    Raises:
        NotReadyError: with ssh's last message.
    """
    refused_since: float | None = None
    started = time.monotonic()
    while True:
        try:
            host.run("true", timeout=30)
        except (SshError, CommandError) as error:
            problem, now = str(error), time.monotonic()
            refused_since = (refused_since or now) if "Permission denied" in problem else None
            hopeless = "refusing to connect" in problem or "has no key" in problem
            if hopeless or (refused_since and now - refused_since > KEY_SECONDS) or not deadline.wait():
                message = f"{host.alias} is not reachable after {now - started:.0f} s: {problem}"
                raise NotReadyError(message) from None
        else:
            return


def run(host: SshHost, what: str, script: str, *, deadline: Deadline) -> str:
    """Run one setup step and explain its failure. Retries a lost connection: cloud-init may restart sshd."""
    while True:
        try:
            return host.run(script, timeout=max(deadline.seconds_left, LEAST_SECONDS))
        except CommandError as error:
            message = f"{what} on {error}"
            raise NotReadyError(message) from None
        except SshError as error:
            wait_for_ssh(host, deadline)
            if deadline.seconds_left < 0:
                message = f"{what}: {error}"
                raise NotReadyError(message) from None


@dataclass(frozen=True, kw_only=True)
class HostReadyArgs:
    """`host` is the machine's SSH URL, `host_id` identifies the machine behind it, `timeout` is in seconds."""

    name: str
    host: pulumi.Input[str]
    host_id: pulumi.Input[str]
    droplet_status: pulumi.Input[str]
    timeout: int = 600


class HostReady(ManagedResource, module="hosts", name="HostReady"):
    """Complete when the host is usable."""

    docker_version: pulumi.Output[str]

    def __init__(self, args: HostReadyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the wait."""
        super().__init__(HostReadyProvider(), args.name, args, opts)
