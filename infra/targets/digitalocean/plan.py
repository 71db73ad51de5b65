"""The hosts and volumes that the services need on DigitalOcean, from the configuration alone: no Pulumi, no network."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from infra.config import StackConfig
from infra.config.digitalocean import DigitalOceanConfig, Preset
from infra.images.source import ImageSource
from infra.swarm.admin_page import AdminPage
from infra.swarm.spec import ARCHIVE, CONTROL, DRUID, QUERY, STATELESS, WORK, ServiceSpec, admin_pages, built_images

MOUNTS = "/var/lib/clickstream"
"""Mount point of volumes on their hosts. Each has a folder with its group's name."""

EDGE_HOST = "manager-1"


@dataclass(frozen=True, kw_only=True)
class Host:
    """A droplet. `labels` are its node labels without the prefix."""

    name: str
    manager: bool
    size: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StatefulGroup:
    """Services on one host because they share a block device. `volumes` are the services' volumes."""

    name: str
    host: str
    gibibytes: int
    volumes: tuple[str, ...]

    @property
    def mount(self) -> str:
        """Folder of the mounted device."""
        return f"{MOUNTS}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Hosts in the order of their names, groups with data, images to push, and ports that the edge publishes."""

    hosts: tuple[Host, ...]
    groups: tuple[StatefulGroup, ...]
    images: tuple[ImageSource, ...]
    pages: tuple[AdminPage, ...]

    @property
    def stateful_hosts(self) -> frozenset[str]:
        """Names of the hosts with a block device."""
        return frozenset(group.host for group in self.groups)

    @property
    def volume_folders(self) -> Mapping[str, str]:
        """From the stack's volumes to their folders on block devices."""
        return {volume: f"{group.mount}/{volume}" for group in self.groups for volume in group.volumes}

    def host(self, name: str) -> Host:
        """By name."""
        return next(host for host in self.hosts if host.name == name)


def label(name: str) -> str:
    """A node label with its prefix."""
    return f"clickstream.{name}"


def node_constraints(placement: str) -> tuple[str, ...]:
    """The constraints that select a placement's nodes."""
    return (f"node.labels.{label(placement)} == true",)


def make_plan(config: StackConfig, specs: Collection[ServiceSpec]) -> Plan:
    """The plan for these services. It depends on the configuration only, not on what runs already."""
    cloud = config.digitalocean
    shape = cloud.shape
    homes = _homes(cloud.preset, config.kafka.broker_names)
    query_host = "worker-2" if cloud.preset is Preset.HA else homes[DRUID]
    hosts = []
    for role, count, size in (
        ("manager", shape.managers, shape.manager_size),
        ("worker", shape.workers, shape.worker_size),
    ):
        for number in range(1, count + 1):
            name = f"{role}-{number}"
            labels = []
            if role == "worker" or not shape.workers:
                labels.append(WORK)
            if name == query_host:
                labels.append(QUERY)
            hosts.append(Host(name=name, manager=role == "manager", size=size, labels=tuple(labels)))
    return Plan(
        hosts=tuple(hosts),
        groups=_groups(cloud, homes, specs),
        images=built_images(specs, config.image_overrides),
        pages=admin_pages(specs),
    )


def _homes(preset: Preset, brokers: tuple[str, ...]) -> dict[str, str]:
    """From groups to hosts. Only the first hosts of a role have data, so the last ones can be added and removed."""
    if preset is Preset.SMALL:
        return dict.fromkeys((CONTROL, DRUID, ARCHIVE, *brokers), "manager-1")
    if preset is Preset.STANDARD:
        return {CONTROL: "manager-1", DRUID: "worker-2", ARCHIVE: "worker-1", **dict.fromkeys(brokers, "worker-1")}
    spread = {broker: f"worker-{number}" for number, broker in enumerate(brokers, start=1)}
    return {CONTROL: "manager-1", DRUID: "worker-3", ARCHIVE: "worker-1", **spread}


def _groups(
    cloud: DigitalOceanConfig, homes: Mapping[str, str], specs: Collection[ServiceSpec]
) -> tuple[StatefulGroup, ...]:
    """A block device for each placement whose services have durable volumes."""
    placements: dict[str, str] = {}
    for spec in specs:
        for volume in spec.durable_volumes:
            if placements.setdefault(volume, spec.placement) != spec.placement:
                message = (
                    f"service {spec.name}: placement {spec.placement} given, and its volume {volume} is on the device "
                    f"of placement {placements[volume]}; place the service there, or give it a volume of its own"
                )
                raise ValueError(message)
    devices = set(placements.values())
    if unplaced := devices - homes.keys():
        message = f"no host has a volume for {', '.join(sorted(unplaced))}; assign each a host in plan.py"
        raise ValueError(message)
    for spec in specs:
        if spec.placement not in devices | STATELESS:
            message = (
                f"service {spec.name}: no host has placement {spec.placement}; "
                f"allowed: {', '.join(sorted(devices | STATELESS))}"
            )
            raise ValueError(message)
    sizes = {
        CONTROL: cloud.control_volume_gib,
        DRUID: cloud.druid_volume_gib,
        ARCHIVE: cloud.archive_volume_gib,
    }
    return tuple(
        StatefulGroup(
            name=name,
            host=homes[name],
            gibibytes=sizes.get(name, cloud.kafka_volume_gib),
            volumes=tuple(sorted(volume for volume, placement in placements.items() if placement == name)),
        )
        for name in homes
        if name in devices
    )
