"""The configuration's smaller sections, and the class that combines all sections."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from infra.config.archive import ArchiveConfig
from infra.config.digitalocean import DigitalOceanConfig
from infra.config.section import ConfigSection
from infra.config.sites import SitesConfig
from infra.config.time_zone import TimeZone
from infra.config.tracking import TrackingConfig
from infra.config.types import (
    AccessKeyOrEmpty,
    AddressOrEmpty,
    AnalyticsIdOrEmpty,
    Cidr,
    ClarityIdOrEmpty,
    Connections,
    DashboardSlug,
    DashboardSlugOrEmpty,
    Delivery,
    DigestOrEmpty,
    Domain,
    DomainOrEmpty,
    EmailOrEmpty,
    Iso8601Period,
    Limit,
    PlatformOrEmpty,
    Port,
    RegistryOrEmpty,
    Replicas,
    Target,
    Tls,
    UserName,
)
from infra.config.website import WebsiteContent

WWW = "www."


class EdgeConfig(ConfigSection):
    """Ports, domains and certificates."""

    domain: DomainOrEmpty
    domains: tuple[Domain, ...]
    redirect_www: bool
    tls: Tls
    acme_email: EmailOrEmpty
    acme_staging: bool
    website_port: Port
    superset_port: Port
    druid_port: Port
    kafka_manager_port: Port
    admin_user: UserName
    admin_allowed_cidrs: tuple[Cidr, ...]
    viewer_allowed_cidrs: tuple[Cidr, ...]
    trusted_proxies: tuple[Cidr, ...]
    address_rate: Limit
    address_burst: Limit
    address_connections: Connections
    total_rate: Limit
    total_connections: Connections
    unlimited_addresses: tuple[Cidr, ...]

    @property
    def domain_names(self) -> tuple[str, ...]:
        """`domain`, then `domains`; empty without a domain."""
        return (self.domain, *self.domains) if self.domain else ()

    @property
    def website_names(self) -> tuple[str, ...]:
        """Every host name that serves or redirects to the website, `domain` first; empty without a domain."""
        redirected = (f"{WWW}{domain}" for domain in self.domain_names if self.redirect_www)
        return (*self.domain_names, *redirected)

    @property
    def admin_subdomains(self) -> bool:
        """Whether each admin page has a host name instead of a port, which takes a domain and TLS."""
        return bool(self.domain) and self.tls is not Tls.OFF

    @property
    def ports(self) -> dict[str, int]:
        """Published port by config key."""
        fields = type(self).model_fields.items()
        return {field.alias or name: getattr(self, name) for name, field in fields if name.endswith("_port")}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tls is not Tls.OFF and 80 in self.ports.values():
            message = f"tls is `{self.tls}`, so port 80 redirects to https; publish the website on 443"
            raise ValueError(message)
        if self.tls is Tls.ACME and not (self.domain and self.acme_email):
            message = "tls is `acme`, which needs domain and acmeEmail; set both, or tls to `internal`"
            raise ValueError(message)
        self._check_domains()
        for each, total in (("address_rate", "total_rate"), ("address_connections", "total_connections")):
            if getattr(self, each) > getattr(self, total):
                keys = [type(self).model_fields[name].alias or name for name in (each, total)]
                message = (
                    f"{keys[0]} is {getattr(self, each)}, but {keys[1]} only {getattr(self, total)}; raise {keys[1]}"
                )
                raise ValueError(message)
        taken: dict[int, str] = {}
        for key, port in self.ports.items():
            if port in taken:
                message = f"{key} and {taken[port]} are both {port}; give each its own port"
                raise ValueError(message)
            taken[port] = key
        return self

    def _check_domains(self) -> None:
        if (self.domains or self.redirect_www) and not self.domain:
            key = "domains is not empty" if self.domains else "redirectWww is true"
            message = f"{key}, which needs domain, the host name of admin pages and canonical links; set it"
            raise ValueError(message)
        names = (self.domain, *self.domains)
        if repeated := next((name for name in names if names.count(name) > 1), None):
            message = f"{repeated} is listed twice in domain and domains; list it once"
            raise ValueError(message)
        if self.redirect_www and (www := next((name for name in names if name.startswith(WWW)), None)):
            message = f"redirectWww is true and {www} is listed; list {www.removeprefix(WWW)} instead"
            raise ValueError(message)


class PipelineConfig(ConfigSection):
    """Website, collector and avro-to-json."""

    website: WebsiteContent
    collector_replicas: Replicas
    private_visitor_ip: AddressOrEmpty
    converter_replicas: Replicas
    converter_delivery: Delivery
    converter_keep_nulls: bool
    ipstack_access_key: AccessKeyOrEmpty
    google_analytics_id: AnalyticsIdOrEmpty
    clarity_id: ClarityIdOrEmpty


class KafkaConfig(ConfigSection):
    """The broker and its topics."""

    kafka_image: DigestOrEmpty
    kafka_brokers: Annotated[int, Field(ge=0, le=3)]
    kafka_heap_mib: Annotated[int, Field(ge=128, le=65536, alias="kafkaHeapMiB")]
    topic_partitions: Annotated[int, Field(ge=1, le=1000)]
    topic_replication: Annotated[int, Field(ge=0, le=3)]
    topic_retention_hours: Annotated[int, Field(ge=1)]
    topic_retention_mib: Annotated[int, Field(ge=16, alias="topicRetentionMiB")]
    dead_letter_retention_hours: Annotated[int, Field(ge=1)]

    @property
    def broker_names(self) -> tuple[str, ...]:
        """Names of the brokers' services. A single broker is `kafka`."""
        if self.kafka_brokers <= 1:
            return ("kafka",)
        return tuple(f"kafka-{number}" for number in range(1, self.kafka_brokers + 1))


class DruidConfig(ConfigSection):
    """The database and its ingestion."""

    druid_image: DigestOrEmpty
    druid_scale: Annotated[int, Field(ge=1, le=32)]
    druid_task_count: Annotated[int, Field(ge=1, le=100)]
    druid_task_duration: Iso8601Period
    druid_retention_days: Annotated[int, Field(ge=0, le=36500)]
    druid_cache_gib: Annotated[int, Field(ge=0, le=16384, alias="druidCacheGiB")]
    druid_require_country: bool
    druid_drop_data: bool


class SupersetConfig(ConfigSection):
    """Who sees the dashboards, and in which time zone."""

    time_zone: TimeZone
    viewer_user: UserName
    home_dashboard: DashboardSlugOrEmpty
    public_dashboards: tuple[DashboardSlug, ...]


class ImagesConfig(ConfigSection):
    """How images are built and where they go."""

    docker_host: str
    builder: str
    image_platform: PlatformOrEmpty
    registry_server: RegistryOrEmpty
    registry_user: str


class Sections(BaseModel):
    """All settings of a stack, by section."""

    model_config = ConfigDict(frozen=True)

    target: Target
    edge: EdgeConfig
    pipeline: PipelineConfig
    tracking: TrackingConfig
    sites: SitesConfig
    kafka: KafkaConfig
    archive: ArchiveConfig
    druid: DruidConfig
    superset: SupersetConfig
    images: ImagesConfig
    digitalocean: DigitalOceanConfig

    @property
    def admin_networks(self) -> tuple[str, ...]:
        """Networks that may reach the admin pages. If none are given, on DigitalOcean the networks that may use SSH."""
        if self.edge.admin_allowed_cidrs or self.target is not Target.DIGITALOCEAN:
            return self.edge.admin_allowed_cidrs
        return self.digitalocean.ssh_allowed_cidrs

    @property
    def brokers(self) -> int:
        """Number of brokers. 0 in the configuration means the preset's number, and one on a single machine."""
        if self.kafka.kafka_brokers:
            return self.kafka.kafka_brokers
        return self.digitalocean.shape.brokers if self.target is Target.DIGITALOCEAN else 1
