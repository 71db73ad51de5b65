"""The stack's configuration: the only reader of pulumi.Config.

Pulumi.yaml declares every key with its type, default and description. Here the values become frozen models;
what is wrong is reported all at once, each mistake with its key, the value given and what is allowed.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self, TypeVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from infra.config.credentials import Credentials, plain_secrets
from infra.config.cross_checks import broker_count, cross_section_mistakes
from infra.config.digitalocean import DigitalOceanConfig
from infra.config.druid_disk import druid_cache
from infra.config.section import Section
from infra.config.tracking import TrackingConfig
from infra.config.types import (
    PROJECT,
    AccessKeyOrEmpty,
    AddressOrEmpty,
    AnalyticsIdOrEmpty,
    Cidr,
    ClarityIdOrEmpty,
    DashboardSlug,
    DashboardSlugOrEmpty,
    Delivery,
    DigestOrEmpty,
    DomainOrEmpty,
    EmailOrEmpty,
    Iso8601Period,
    PlatformOrEmpty,
    Port,
    Replicas,
    Target,
    Tls,
    UserName,
)


class ConfigError(pulumi.RunError):
    """Every mistake in the stack's configuration. Pulumi prints a RunError without a traceback."""


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
    def admin_subdomains(self) -> bool:
        """With a domain and certificates, admin pages have names of their own and need no ports."""
        return bool(self.domain) and self.tls is not Tls.OFF

    @property
    def host_names(self) -> dict[str, str]:
        """Names in DNS by what they lead to; none without a domain."""
        if not self.domain:
            return {}
        pages = ("superset", "druid", "kafka") if self.admin_subdomains else ()
        return {"website": self.domain, **{page: f"{page}.{self.domain}" for page in pages}}

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
    kafka_brokers: Annotated[int, Field(ge=0, le=3)]
    kafka_heap_mi_b: Annotated[int, Field(ge=128, le=65536, alias="kafkaHeapMiB")]
    topic_partitions: Annotated[int, Field(ge=1, le=1000)]
    topic_replication: Annotated[int, Field(ge=0, le=3)]
    topic_retention_hours: Annotated[int, Field(ge=1)]
    topic_retention_mi_b: Annotated[int, Field(ge=16, alias="topicRetentionMiB")]
    dead_letter_retention_hours: Annotated[int, Field(ge=1)]

    @property
    def broker_names(self) -> tuple[str, ...]:
        """Kafka's services: a lone broker is `kafka`."""
        if self.kafka_brokers <= 1:
            return ("kafka",)
        return tuple(f"kafka-{number}" for number in range(1, self.kafka_brokers + 1))


class DruidConfig(Section):
    """The database and its ingestion."""

    druid_image: DigestOrEmpty
    druid_scale: Annotated[int, Field(ge=1, le=32)]
    druid_task_count: Annotated[int, Field(ge=1, le=100)]
    druid_task_duration: Iso8601Period
    druid_retention_days: Annotated[int, Field(ge=0, le=36500)]
    druid_cache_gi_b: Annotated[int, Field(ge=0, le=16384, alias="druidCacheGiB")]
    druid_require_country: bool
    druid_drop_data: bool


class SupersetConfig(Section):
    """Who sees the dashboards."""

    viewer_user: UserName
    home_dashboard: DashboardSlugOrEmpty
    public_dashboards: tuple[DashboardSlug, ...]


class ImagesConfig(Section):
    """How images are built and where they go."""

    docker_host: str
    builder: str
    image_platform: PlatformOrEmpty
    registry_server: str
    registry_user: str


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

    credentials: Credentials = Credentials()

    @property
    def name(self) -> str:
        """Prefix of everything that the stack makes, for example clickstream-dev."""
        return f"{PROJECT}-{self.stack}"

    @property
    def image_overrides(self) -> dict[str, str]:
        """Images, by digest, that stand in for those that are built here."""
        given = {"kafka": self.kafka.kafka_image, "druid": self.druid.druid_image}
        return {name: image for name, image in given.items() if image}

    @classmethod
    def load(cls) -> Self:
        """Read the running stack's configuration.

        Raises:
            ConfigError: with every mistake found, not only the first.
        """
        config = pulumi.Config(PROJECT)
        keys = {"target", *(key for section in _SECTIONS.values() for key in config_keys(section))}
        parsed = cls.parse(pulumi.get_stack(), {key: config.get(key) for key in keys}, plain_secrets())
        return parsed.model_copy(update={"credentials": Credentials.load()})

    @classmethod
    def parse(cls, stack: str, raw: Mapping[str, str | None], found: Iterable[str] = ()) -> Self:
        """Check and convert raw values, key to string (JSON for arrays) or None where there is none.

        `found` are mistakes that the values do not show.
        """
        mistakes = list(found)
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
            mistakes += cross_section_mistakes(target, sections)
        if mistakes:
            lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
            count = "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
            message = f"stack {stack}: {count} in its configuration (see Pulumi.yaml for every key):{lines}"
            raise ConfigError(message)
        return cls.model_validate({"stack": stack, "target": target, **_resolved(target, sections)})


def _resolved(target: Target, sections: Mapping[str, Any]) -> dict[str, Any]:
    """The sections with the numbers that 0 stands for."""
    kafka = sections["kafka"]
    brokers = broker_count(target, sections)
    replication = kafka.topic_replication or brokers
    return {
        **sections,
        "kafka": kafka.model_copy(update={"kafka_brokers": brokers, "topic_replication": replication}),
        "druid": sections["druid"].model_copy(update={"druid_cache_gi_b": druid_cache(target, sections)}),
    }


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
