"""Describes a swarm service without Pulumi: frozen values for both targets and the tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from infra.images.source import ImageSource
from infra.swarm.admin_page import AdminPage

CONTROL: Final = "control"
"""Placement on the host with the reserved address, the edge and PostgreSQL's data."""
DRUID: Final = "druid"
"""Placement on the host with Druid's data."""
ARCHIVE: Final = "archive"
"""Placement on the host with the archive's files. Not Druid's device, since the archive can restore Druid."""
QUERY: Final = "query"
"""Placement on a host for Druid's stateless processes."""
WORK: Final = "work"
"""Placement on any worker, for services that lose no data when they move to another host."""
STATELESS: Final = frozenset({QUERY, WORK})

MIB = 1024 * 1024

NAMESPACE_LABEL = "com.docker.stack.namespace"
"""Label on everything that a stack creates, for `docker stack ps` and to identify leaked resources."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A command that succeeds if the service answers. Durations in seconds.

    Swarm reports a task as running once its check passes, and stops a task whose check keeps failing. So check only
    for faults that a restart can fix. The engine starts a process in the container for every check: at an interval of
    two seconds, the checks of an idle platform kept one core busy.
    """

    command: tuple[str, ...]
    interval: int = 5
    timeout: int = 5
    retries: int = 5
    start_period: int = 60

    @classmethod
    def http(cls, port: int, path: str, **durations: int) -> "HealthCheck":
        """GET the path on the loopback address; 2xx is healthy. Needs only bash, which is in every image."""
        script = (
            f"exec 3<>/dev/tcp/127.0.0.1/{port} && "
            f"printf 'GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && "
            # Read the whole response; otherwise the server logs a broken connection every few seconds.
            "read -t 4 -r _ status _ <&3 && cat <&3 >/dev/null && [[ $status == 2* ]]"
        )
        return cls(command=("CMD", "bash", "-c", script), **durations)


@dataclass(frozen=True, kw_only=True)
class VolumeMount:
    """A named volume of the stack, mounted at an absolute path.

    `shared`: several tasks can use the volume, since they keep apart by locks or folders. `durable`: the volume must
    outlive its host; on DigitalOcean it is on a block device. Other volumes may be left behind on a host.
    """

    volume: str
    path: str
    shared: bool = False
    durable: bool = True


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """A port published in host mode, which preserves the visitor's address. The routing mesh would replace it."""

    published: int
    target: int


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One swarm service: everything that images, plans and the edge need to know about it.

    `name`: also its DNS name in the networks that it is in.
    `talks_to`: the services and groups that it opens connections to. It shares a network with these, and with the
    services that talk to it (see zones.py).
    `group`: services that talk to each other, and that others name together; default: the service alone.
    `outbound`: whether it talks to anything outside the stack. A service that publishes ports always can.
    `source`: what the image is built from.
    `image`: the name under which the configuration can give another image to run; default: the source's name.
    `secrets`: from file names under /run/secrets to the stack's secrets.
    `page`: the admin page that the edge publishes.
    `memory` is in MiB, durations are in seconds.
    `stop_grace_period`: how long the process takes to stop; it is killed a little later.
    `scratch`: folders that it writes to besides its volumes, and whose content goes with the task. The root file system
    is read-only. A small /tmp in memory, where no program can run, is always there, unless it is named here.
    `exclusive`: two tasks of one slot can't run at once, so the old one stops before the new one starts.
    `placement`: the group of services that share a host, one of the constants above or the service's own name. It has
    no effect on a single machine.
    """

    name: str
    image: str = ""
    memory: int
    healthcheck: HealthCheck
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[VolumeMount, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    talks_to: tuple[str, ...] = ()
    group: str = ""
    outbound: bool = False
    scratch: tuple[str, ...] = ()
    replicas: int = 1
    cpus: float | None = None
    stop_grace_period: int = 15
    exclusive: bool = False
    placement: str = WORK
    ready_timeout: int = 240
    # Neither is part of the revision (see service.py): the image's reference is, and a page does not change the task.
    source: ImageSource = field(repr=False)
    page: AdminPage | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Reject specs that swarm would accept but could not run."""
        own = self.exclusive_volumes
        if own and self.replicas > 1:
            message = f"service {self.name}: {self.replicas} replicas cannot share the volume {own[0].volume}"
            raise ValueError(message)
        if self.durable_volumes and self.placement in STATELESS:
            message = (
                f"service {self.name}: the volume {self.durable_volumes[0]} is durable, and placement {self.placement} "
                "has no block device; place the service where its data is"
            )
            raise ValueError(message)
        if self.memory < 16:
            message = f"service {self.name}: a memory limit of {self.memory} MiB is too small to start anything"
            raise ValueError(message)
        object.__setattr__(self, "image", self.image or self.source.name)
        object.__setattr__(self, "group", self.group or self.name)
        object.__setattr__(self, "env", MappingProxyType(dict(sorted(self.env.items()))))
        object.__setattr__(self, "secrets", MappingProxyType(dict(sorted(self.secrets.items()))))

    @property
    def hostname(self) -> str:
        """A single task uses the service's name, so that it can reach itself before it is healthy and in DNS.

        Several tasks are numbered, since transactional ids and spools belong to a host name.
        """
        return self.name if self.replicas == 1 else f"{self.name}-{{{{.Task.Slot}}}}"

    @property
    def exclusive_volumes(self) -> tuple[VolumeMount, ...]:
        """Volumes that only one task can use at a time."""
        return tuple(mount for mount in self.volumes if not mount.shared)

    @property
    def durable_volumes(self) -> tuple[str, ...]:
        """Names of the volumes that must outlive the host."""
        return tuple(mount.volume for mount in self.volumes if mount.durable)

    @property
    def update_order(self) -> str:
        """Whether the old task must stop first: a volume or host port admits one task at a time."""
        return "stop-first" if self.exclusive_volumes or self.ports or self.exclusive else "start-first"


def built_images(specs: Iterable[ServiceSpec], given: Mapping[str, str]) -> tuple[ImageSource, ...]:
    """The images to build for these services, each once. `given` maps image names to images that replace them."""
    return tuple(dict.fromkeys(spec.source for spec in specs if spec.image not in given))


def admin_pages(specs: Iterable[ServiceSpec]) -> tuple[AdminPage, ...]:
    """The admin pages of these services, in an order independent of the services' order."""
    return tuple(sorted((spec.page for spec in specs if spec.page), key=lambda page: page.target))
