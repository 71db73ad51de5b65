"""Kinds of faults: what each does to a running platform, and the commands that do the same by hand."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from docker.errors import APIError

from tests.faults.platform import PROJECT_NAME
from tests.support.waiting import until

if TYPE_CHECKING:
    from docker.models.containers import Container

    from tests.faults.platform import Platform


class Fault(Protocol):
    """One thing that happens. `strike` returns when it is over, but for what the platform does about it."""

    @property
    def name(self) -> str:
        """In the table."""
        ...

    @property
    def command(self) -> str:
        """What does the same by hand."""
        ...

    def strike(self, platform: Platform) -> None:
        """Let it happen."""


def _container(service: str) -> str:
    return f"$(docker ps -qf name={PROJECT_NAME}-{service}.1)"


@dataclass(frozen=True)
class Kill:
    """SIGKILL to the main process of services, all at once."""

    services: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"kill -9: {' and '.join(self.services)}"

    @property
    def command(self) -> str:
        return f"docker kill -s KILL {' '.join(map(_container, self.services))}"

    def strike(self, platform: Platform) -> None:
        for container in [platform.container(service) for service in self.services]:
            container.kill(signal="KILL")


@dataclass(frozen=True)
class Freeze:
    """A service hangs with its connections open, longer than every timeout of its clients."""

    service: str
    seconds: int = 40

    @property
    def name(self) -> str:
        return f"frozen for {self.seconds} s: {self.service}"

    @property
    def command(self) -> str:
        return f"docker pause {_container(self.service)}; sleep {self.seconds}; docker unpause …"

    def strike(self, platform: Platform) -> None:
        container = platform.container(self.service)
        container.pause()
        try:
            time.sleep(self.seconds)
        finally:
            with suppress(APIError):  # swarm may have replaced it meanwhile
                container.unpause()


@dataclass(frozen=True)
class OutOfMemory:
    """The kernel ends the main process of a service because its container has no memory left."""

    service: str

    @property
    def name(self) -> str:
        return f"out of memory: {self.service}"

    @property
    def command(self) -> str:
        return f"echo 1000 > /proc/<pid>/oom_score_adj; docker exec {_container(self.service)} tail /dev/zero"

    def strike(self, platform: Platform) -> None:
        container = platform.container(self.service)
        with open(f"/proc/{container.attrs['State']['Pid']}/oom_score_adj", "w") as file:  # noqa: PTH123
            file.write("1000")
        with suppress(APIError):
            container.exec_run(["tail", "/dev/zero"], detach=True)
        until(lambda: _has_ended(container), what=f"{self.service} out of memory", seconds=120)


def _has_ended(container: Container) -> bool:
    container.reload()
    return container.status == "exited"


@dataclass(frozen=True)
class Down:
    """A service is not there for a while."""

    service: str
    seconds: int

    @property
    def name(self) -> str:
        return f"down for {self.seconds} s: {self.service}"

    @property
    def command(self) -> str:
        name = f"{PROJECT_NAME}-{self.service}"
        return f"docker service scale {name}=0; sleep {self.seconds}; docker service scale {name}=1"

    def strike(self, platform: Platform) -> None:
        platform.scale(self.service, 0)
        try:
            time.sleep(self.seconds)
        finally:
            platform.scale(self.service, 1)


@dataclass(frozen=True)
class PacketLoss:
    """A part of the packets that reach a service is dropped; 100 % cuts it off."""

    service: str
    percent: int
    seconds: int = 40

    @property
    def name(self) -> str:
        lost = "cut off" if self.percent == 100 else f"{self.percent} % of packets lost"
        return f"{lost} for {self.seconds} s: {self.service}"

    @property
    def command(self) -> str:
        return f"nsenter -t <pid> -n iptables -A INPUT {' '.join(self._rule)}; sleep {self.seconds}; … -D INPUT …"

    @property
    def _rule(self) -> list[str]:
        return ["-m", "statistic", "--mode", "random", "--probability", str(self.percent / 100), "-j", "DROP"]

    def strike(self, platform: Platform) -> None:
        container = platform.container(self.service)
        inside = ["nsenter", "-t", str(container.attrs["State"]["Pid"]), "-n", "iptables"]
        rule = ["INPUT", "!", "-i", "lo", *self._rule]
        subprocess.run([*inside, "-A", *rule], check=True)
        try:
            time.sleep(self.seconds)
        finally:
            subprocess.run([*inside, "-D", *rule], check=False)
