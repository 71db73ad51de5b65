"""Which droplets there are and what runs where, from the configuration alone; no Pulumi, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from infra.config_digitalocean import DigitalOceanConfig, Preset

MOUNTS = "/var/lib/clickstream"
"""Where volumes are mounted on their hosts, each in a folder of its group's name."""

WORK, QUERY = "work", "query"
CONTROL, DRUID = "control", "druid"
EDGE_HOST = "manager-1"

QUERY_PROCESSES = ("broker", "router")
FLOATING = ("website", "collector", "avro-to-json", "kafka-manager")
"""Keep nothing that another host could not go on with."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A droplet. `labels` are those of its node, without the prefix."""

    name: str
    manager: bool
    size: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Group:
    """Services that share a host because they share a block device; `volumes` are theirs."""

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
    """Hosts in the order of their names, groups with data, and where each service may run."""

    hosts: tuple[Host, ...]
    groups: tuple[Group, ...]
    placement: Mapping[str, tuple[str, ...]]
    """Service to placement constraints."""

    @property
    def stateful_hosts(self) -> frozenset[str]:
        """Names of the hosts with a block device."""
        return frozenset(group.host for group in self.groups)

    @property
    def volume_folders(self) -> Mapping[str, str]:
        """Volume of the stack to its folder on the block device."""
        return {volume: f"{group.mount}/{volume}" for group in self.groups for volume in group.volumes}

    def host(self, name: str) -> Host:
        """By name."""
        return next(host for host in self.hosts if host.name == name)


def label(name: str) -> str:
    """A node label in full."""
    return f"clickstream.{name}"


def on(name: str) -> tuple[str, ...]:
    """The constraint that asks for nodes with the label."""
    return (f"node.labels.{label(name)} == true",)


def make_plan(config: DigitalOceanConfig, names: tuple[str, ...]) -> Plan:
    """The plan for the named Kafka brokers; the same configuration always gives the same one, whatever runs already."""
    shape = config.shape
    query_host = "worker-2" if config.preset is Preset.HA else _homes(config.preset, names)[DRUID]
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
        groups=_groups(config, names),
        placement=MappingProxyType(_placement(names)),
    )


def _homes(preset: Preset, brokers: tuple[str, ...]) -> dict[str, str]:
    """Group to host. Only the first hosts of a role have data, so the last ones can come and go."""
    if preset is Preset.SMALL:
        return dict.fromkeys((CONTROL, DRUID, *brokers), "manager-1")
    if preset is Preset.STANDARD:
        return {CONTROL: "manager-1", DRUID: "worker-2", **dict.fromkeys(brokers, "worker-1")}
    spread = {broker: f"worker-{number}" for number, broker in enumerate(brokers, start=1)}
    return {CONTROL: "manager-1", DRUID: "worker-3", **spread}


def _groups(config: DigitalOceanConfig, brokers: tuple[str, ...]) -> tuple[Group, ...]:
    homes = _homes(config.preset, brokers)
    druid = ("druid-coordinator", "druid-historical", "druid-indexer", "druid-segments", "zookeeper", "zookeeper-log")
    return (
        Group(
            name=CONTROL,
            host=homes[CONTROL],
            gibibytes=config.control_volume_gi_b,
            volumes=("edge", "postgres"),
        ),
        *(
            Group(name=broker, host=homes[broker], gibibytes=config.kafka_volume_gi_b, volumes=(broker,))
            for broker in brokers
        ),
        Group(name=DRUID, host=homes[DRUID], gibibytes=config.druid_volume_gi_b, volumes=druid),
    )


def _placement(brokers: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {
        **dict.fromkeys(("edge", "postgres", "superset"), on(CONTROL)),
        **{broker: on(broker) for broker in brokers},
        DRUID: on(DRUID),
        **dict.fromkeys(QUERY_PROCESSES, on(QUERY)),
        **dict.fromkeys(FLOATING, on(WORK)),
    }
