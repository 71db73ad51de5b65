"""Description of a swarm service, without Pulumi: frozen values for both targets and the tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from infra.images.source import ImageSource
from infra.swarm.admin_page import AdminPage

CONTROL: Final = "control"
"""Placement on the host that the reserved address points to, with the edge and PostgreSQL's data."""
DRUID: Final = "druid"
"""Placement on the host with Druid's data."""
ARCHIVE: Final = "archive"
"""Placement on the host with the archive's files: not on Druid's device, since Druid can be filled again from them."""
QUERY: Final = "query"
"""Placement on a host of Druid's stateless processes."""
WORK: Final = "work"
"""Placement on any worker: the service keeps no data that it would miss on another host."""
STATELESS: Final = frozenset({QUERY, WORK})

MIB = 1024 * 1024

NAMESPACE_LABEL = "com.docker.stack.namespace"
"""A label on everything that a stack creates: `docker stack ps` shows it, and leaked resources can be identified."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A command that proves that the service answers. Durations in seconds.

    Swarm calls a task running only when its check has passed, and ends a task whose check keeps failing: check what a
    restart can fix.
    A check is a process that the engine starts in the container: at every two seconds, those of an idle platform took a
    core of their own.
    """

    command: tuple[str, ...]
    interval: int = 5
    timeout: int = 5
    retries: int = 5
    start_period: int = 60

    @classmethod
    def http(cls, port: int, path: str, **durations: int) -> "HealthCheck":
        """GET the path on the loopback address; 2xx is healthy. Needs only bash, which every image has."""
        script = (
            f"exec 3<>/dev/tcp/127.0.0.1/{port} && "
            f"printf 'GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && "
            # Read to the end: otherwise the server logs a broken connection, every few seconds.
            "read -t 4 -r _ status _ <&3 && cat <&3 >/dev/null && [[ $status == 2* ]]"
        )
        return cls(command=("CMD", "bash", "-c", script), **durations)


@dataclass(frozen=True, kw_only=True)
class VolumeMount:
    """A named volume of the stack, mounted at an absolute path.

    `shared` says that the service keeps its tasks apart on the volume itself, by locks or folders. A `durable` volume
    must outlive its host: on DigitalOcean it is on a block device. One that is not may stay behind on a host.
    """

    volume: str
    path: str
    shared: bool = False
    durable: bool = True


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """A port published in host mode: the visitor's address survives, which the routing mesh would replace."""

    published: int
    target: int


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One swarm service: the only description of it that others (images, plans, the edge) need.

    `name` is also its DNS name in the stack's network. `source` is what its image is built from. `image` is the name
    by which the configuration gives another image, which is then run in its place; it is the source's own if not set.
    `secrets` maps a file name under /run/secrets to a secret of the stack. `page` is the page that the edge publishes
    for operators. Memory in MiB, durations in seconds. `stop_grace_period` is what the process takes to stop; it is
    killed a little later. `exclusive` says that two tasks of one slot can't run at once, so that the old one stops
    before the new one starts.
    `placement` names the services that it shares a host with: one of the constants above, or its own name. On one
    machine it means nothing.
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
    replicas: int = 1
    cpus: float | None = None
    stop_grace_period: int = 15
    exclusive: bool = False
    placement: str = WORK
    ready_timeout: int = 240
    # Neither is part of the revision (see service.py): the image's reference is, and a page changes nothing here.
    source: ImageSource = field(repr=False)
    page: AdminPage | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Reject what swarm would accept and then fail at."""
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
        object.__setattr__(self, "env", MappingProxyType(dict(sorted(self.env.items()))))
        object.__setattr__(self, "secrets", MappingProxyType(dict(sorted(self.secrets.items()))))

    @property
    def hostname(self) -> str:
        """A lone task knows itself by the service's name, which DNS has only once the task is healthy.

        Several are numbered, since transactional ids and spools are kept by host name.
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
        """A volume or a host port has room for one task at a time; everything else starts before it stops."""
        return "stop-first" if self.exclusive_volumes or self.ports or self.exclusive else "start-first"


def built_images(specs: Iterable[ServiceSpec], given: Mapping[str, str]) -> tuple[ImageSource, ...]:
    """The images that are built for these services, each once. `given` maps image names to what runs in their place."""
    return tuple(dict.fromkeys(spec.source for spec in specs if spec.image not in given))


def admin_pages(specs: Iterable[ServiceSpec]) -> tuple[AdminPage, ...]:
    """The pages of these services. Their order does not follow that of the services."""
    return tuple(sorted((spec.page for spec in specs if spec.page), key=lambda page: page.target))
