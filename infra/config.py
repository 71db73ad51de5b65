"""The stack's configuration: the only reader of pulumi.Config.

Pulumi.yaml declares every key with its type, default and description. Here the values become frozen models;
what is wrong is reported all at once, each mistake with its key, the value given and what is allowed.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

import pulumi
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from infra.config_section import Section
from infra.config_section import matches as _matches
from infra.config_tracking import TrackingConfig

PROJECT = "clickstream"


class ConfigError(pulumi.RunError):
    """Every mistake in the stack's configuration. Pulumi prints a RunError without a traceback."""


class Target(StrEnum):
    """Where the platform runs."""

    LOCAL = "local"
    DIGITALOCEAN = "digitalocean"


class Delivery(StrEnum):
    """What a crash of avro-to-json may do: nothing, or write records twice."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


class Tls(StrEnum):
    """How the edge gets its certificates."""

    OFF = "off"
    INTERNAL = "internal"
    ACME = "acme"


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        message = "a network in CIDR notation, for example 203.0.113.0/24"
        raise ValueError(message) from None


def _address_or_empty(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value)) if value else ""
    except ValueError:
        message = "an IP address, for example 81.2.69.142, or empty"
        raise ValueError(message) from None


Port = Annotated[int, Field(ge=1, le=65535)]
Replicas = Annotated[int, Field(ge=1, le=64)]
Cidr = Annotated[str, AfterValidator(_network)]
AddressOrEmpty = Annotated[str, AfterValidator(_address_or_empty)]
Iso8601Period = Annotated[
    str, _matches(r"P(T?\d+[DHM])+", "an ISO 8601 period of minutes, hours or days, for example PT1H")
]
UserName = Annotated[
    str,
    _matches(r"[a-z][a-z0-9_-]{0,30}", "a lower-case letter, then letters, digits, - or _; for example admin"),
]
DomainOrEmpty = Annotated[
    str,
    _matches(
        r"|(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        "a domain name in lower case, for example clicks.example.com, or empty",
    ),
]
EmailOrEmpty = Annotated[
    str, _matches(r"|[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address, for example ops@example.com, or empty")
]
DigestOrEmpty = Annotated[
    str,
    _matches(r"|\S+@sha256:[0-9a-f]{64}", "an image by digest, for example apache/kafka@sha256:<64 hex digits>"),
]
PlatformOrEmpty = Annotated[str, _matches(r"|linux/[a-z0-9/]+", "for example linux/amd64, or empty")]
AnalyticsIdOrEmpty = Annotated[str, _matches(r"|G-[A-Z0-9]{4,16}", "a measurement id, for example G-AB12CD34EF")]
ClarityIdOrEmpty = Annotated[str, _matches(r"|[a-z0-9]{4,16}", "a project id, for example a1b2c3d4e5")]
Slug = Annotated[str, _matches(r"[a-z0-9][a-z0-9.-]*", "a DigitalOcean slug, for example s-4vcpu-8gb")]

DashboardSlug = Annotated[
    str, _matches(r"[a-z0-9][a-z0-9_-]*", "the slug of a dashboard in superset_assets/, for example clickstream")
]


def _access_key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9]*", value.get_secret_value()):
        message = "the letters and digits that ipstack.com shows as your access key, or empty"
        raise ValueError(message)
    return value


AccessKeyOrEmpty = Annotated[SecretStr, AfterValidator(_access_key)]


class EdgeConfig(Section):
    """What is published, and how."""

    domain: DomainOrEmpty
    tls: Tls
    acme_email: EmailOrEmpty
    acme_staging: bool
    website_port: Port
    superset_port: Port
    druid_port: Port
    kafka_manager_port: Port
    admin_user: UserName
    trusted_proxies: tuple[Cidr, ...]

    @property
    def ports(self) -> dict[str, int]:
        """Published port by config key."""
        return {
            "websitePort": self.website_port,
            "supersetPort": self.superset_port,
            "druidPort": self.druid_port,
            "kafkaManagerPort": self.kafka_manager_port,
        }

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tls is not Tls.OFF and 80 in self.ports.values():
            message = f"tls is `{self.tls}`, and port 80 redirects to https then; publish the website on 443"
            raise ValueError(message)
        if self.tls is Tls.ACME and not (self.domain and self.acme_email):
            message = "tls is `acme`, which needs domain and acmeEmail; set both, or tls to `internal`"
            raise ValueError(message)
        taken: dict[int, str] = {}
        for key, port in self.ports.items():
            if port in taken:
                message = f"{key} and {taken[port]} are both {port}; give each its own port"
                raise ValueError(message)
            taken[port] = key
        return self


class PipelineConfig(Section):
    """Website, collector and avro-to-json."""

    collector_replicas: Replicas
    private_visitor_ip: AddressOrEmpty
    converter_replicas: Replicas
    converter_delivery: Delivery
    converter_keep_nulls: bool
    ipstack_access_key: AccessKeyOrEmpty
    google_analytics_id: AnalyticsIdOrEmpty
    clarity_id: ClarityIdOrEmpty


class KafkaConfig(Section):
    """The broker and its topics."""

    kafka_image: DigestOrEmpty
    kafka_heap_mi_b: Annotated[int, Field(ge=128, le=65536, alias="kafkaHeapMiB")]
    topic_partitions: Annotated[int, Field(ge=1, le=1000)]
    topic_replication: Annotated[int, Field(ge=1, le=3)]
    topic_retention_hours: Annotated[int, Field(ge=1)]
    topic_retention_mi_b: Annotated[int, Field(ge=16, alias="topicRetentionMiB")]
    dead_letter_retention_hours: Annotated[int, Field(ge=1)]


class DruidConfig(Section):
    """The database and its ingestion."""

    druid_image: DigestOrEmpty
    druid_scale: Annotated[int, Field(ge=1, le=32)]
    druid_task_count: Annotated[int, Field(ge=1, le=100)]
    druid_task_duration: Iso8601Period
    druid_retention_days: Annotated[int, Field(ge=0, le=36500)]
    druid_drop_data: bool


class SupersetConfig(Section):
    """Who sees the dashboards."""

    viewer_user: UserName
    public_dashboards: tuple[DashboardSlug, ...]


class ImagesConfig(Section):
    """How images are built and where they go."""

    docker_host: str
    builder: str
    image_platform: PlatformOrEmpty
    registry_server: str
    registry_user: str


class DigitalOceanConfig(Section):
    """The droplets and their network."""

    region: Slug
    vpc_ip_range: Cidr
    swarm_address_pool: Cidr
    manager_count: Annotated[int, Field(ge=1, le=7)]
    manager_size: Slug
    worker_count: Annotated[int, Field(ge=0, le=100)]
    worker_size: Slug
    droplet_image: Slug
    ssh_allowed_cidrs: tuple[Cidr, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.manager_count % 2 == 0:
            message = (
                f"managerCount is {self.manager_count}; an even number of managers tolerates no more failures "
                "than one fewer: use 1 or 3"
            )
            raise ValueError(message)
        if ipaddress.ip_network(self.vpc_ip_range).overlaps(ipaddress.ip_network(self.swarm_address_pool)):
            message = (
                f"swarmAddressPool {self.swarm_address_pool} overlaps vpcIpRange {self.vpc_ip_range}; "
                "choose ranges that share no address"
            )
            raise ValueError(message)
        if any(ipaddress.ip_network(cidr).prefixlen == 0 for cidr in self.ssh_allowed_cidrs):
            message = "sshAllowedCidrs opens port 22 to the whole internet; name the networks you connect from"
            raise ValueError(message)
        return self


class StackConfig(BaseModel):
    """Everything that a stack can set."""

    model_config = ConfigDict(frozen=True)

    stack: str
    target: Target
    edge: EdgeConfig
    pipeline: PipelineConfig
    tracking: TrackingConfig
    kafka: KafkaConfig
    druid: DruidConfig
    superset: SupersetConfig
    images: ImagesConfig
    digitalocean: DigitalOceanConfig

    @property
    def name(self) -> str:
        """Prefix of everything that the stack makes, for example clickstream-dev."""
        return f"{PROJECT}-{self.stack}"

    @classmethod
    def load(cls) -> Self:
        """Read the running stack's configuration.

        Raises:
            ConfigError: with every mistake found, not only the first.
        """
        config = pulumi.Config(PROJECT)
        keys = {"target", *(key for section in _SECTIONS.values() for key in config_keys(section))}
        return cls.parse(pulumi.get_stack(), {key: config.get(key) for key in keys})

    @classmethod
    def parse(cls, stack: str, raw: Mapping[str, str | None]) -> Self:
        """Check and convert raw values, key to string (JSON for arrays) or None where there is none."""
        mistakes: list[str] = []
        sections: dict[str, Section] = {}
        target = Target.LOCAL
        try:
            target = Target(raw.get("target") or "")
        except ValueError:
            allowed = " or ".join(f"`{item}`" for item in Target)
            mistakes.append(f"{PROJECT}:target: {raw.get('target')!r} given; {allowed} is allowed")
        for name, model in _SECTIONS.items():
            values = {key: _decode(raw.get(key)) for key in config_keys(model) if raw.get(key) is not None}
            try:
                sections[name] = model.model_validate(values)
            except ValidationError as error:
                mistakes += [_describe(item) for item in error.errors()]
        if not mistakes:
            mistakes += _cross_section_mistakes(target, sections)
        if mistakes:
            lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
            count = "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
            message = f"stack {stack}: {count} in its configuration (see Pulumi.yaml for every key):{lines}"
            raise ConfigError(message)
        return cls.model_validate({"stack": stack, "target": target, **sections})


_Section = TypeVar("_Section", bound=Section)
_SECTIONS: dict[str, type[Section]] = {
    "edge": EdgeConfig,
    "pipeline": PipelineConfig,
    "tracking": TrackingConfig,
    "kafka": KafkaConfig,
    "druid": DruidConfig,
    "superset": SupersetConfig,
    "images": ImagesConfig,
    "digitalocean": DigitalOceanConfig,
}


_SECRETS = {
    field.alias or name
    for section in _SECTIONS.values()
    for name, field in section.model_fields.items()
    if field.annotation is SecretStr
}


def config_keys(section: type[_Section]) -> tuple[str, ...]:
    """The section's keys as they stand in Pulumi.yaml."""
    return tuple(field.alias or name for name, field in section.model_fields.items())


def _decode(value: str | None) -> Any:
    """Arrays arrive as JSON; scalars as text, which the models convert."""
    return json.loads(value) if value is not None and value.startswith("[") else value


def _describe(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if not key:
        return str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{PROJECT}:{key}: not set, and Pulumi.yaml gives no default; set it with `pulumi config set {key}`"
    allowed = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    given = "a secret" if key in _SECRETS else repr(error["input"])
    return f"{PROJECT}:{key}: {given} given; allowed: {allowed}"


def _cross_section_mistakes(target: Target, sections: Mapping[str, Any]) -> list[str]:
    mistakes = []
    kafka, pipeline, druid = sections["kafka"], sections["pipeline"], sections["druid"]
    for key, value in (
        ("converterReplicas", pipeline.converter_replicas),
        ("druidTaskCount", druid.druid_task_count),
    ):
        if value > kafka.topic_partitions:
            mistakes.append(
                f"{PROJECT}:{key}: {value} given; at most topicPartitions ({kafka.topic_partitions}) is allowed, "
                "since a partition has one reader"
            )
    if sections["superset"].viewer_user == sections["edge"].admin_user:
        mistakes.append(
            f"{PROJECT}:viewerUser: {sections['superset'].viewer_user!r} given, which is adminUser; "
            "the viewer needs a name of its own"
        )
    if target is Target.LOCAL and kafka.topic_replication > 1:
        mistakes.append(
            f"{PROJECT}:topicReplication: {kafka.topic_replication} given; target local has one broker, so 1 is allowed"
        )
    if target is Target.DIGITALOCEAN and not sections["images"].registry_server:
        mistakes.append(
            f"{PROJECT}:registryServer: empty; droplets pull their images from a registry, "
            "for example registry.digitalocean.com/clickstream"
        )
    return mistakes
