"""Settings, from environment variables beginning with COLLECTOR_."""

from __future__ import annotations

import ipaddress
import itertools
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from clickstream_service.settings import ServiceSettings, SettingsError
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from collector.model.campaign import CAMPAIGN_PARAMETERS

PREFIX: Final = "COLLECTOR_"
MIB: Final = 1024 * 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Policy = Literal["ignore", "anonymise", "drop"]
Positive = Annotated[int, Field(gt=0)]
_EMPTY_IS_OFF: Final = frozenset({"batch_suffix", "json_path", "url_parameters"})
Origin = Annotated[str, Field(pattern=r"^(\*|https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$")]
HOST: Final = r"^((\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*|[0-9a-f:.]+)$"
DOMAIN: Final = r"^[a-z0-9_-]+(\.[a-z0-9_-]+)+$"
COOKIE_DOMAIN: Final = r"^(\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)?$"
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Parameter = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9_.~\[\]-]{1,64})$")]


class Site(BaseModel):
    """A site that is measured: its name in events, and its hosts; `*.example.com` is any subdomain of example.com."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    hosts: Annotated[tuple[Annotated[str, Field(pattern=HOST)], ...], Field(min_length=1)]
    cookie_domain: Annotated[str, Field(pattern=COOKIE_DOMAIN)] = ""


class Settings(ServiceSettings):
    """All settings; docs/collector.md explains each. Times in seconds, sizes in bytes, unless the name says else."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=False)

    host: str = "0.0.0.0"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8290
    prefix: Annotated[str, Field(pattern=r"^/([A-Za-z0-9._~-]+/)*$")] = "/"
    event_suffix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~/-]+$")] = "csc-event"
    batch_suffix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~/-]*$")] = "csc-batch"
    json_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~/-]*)?$")] = "/json-event"
    json_party_parameter: Annotated[str, Field(min_length=1)] = "p"
    party_cookie: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")] = "_dvp"
    session_cookie: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")] = "_dvs"
    cookie_domain: Annotated[str, Field(pattern=COOKIE_DOMAIN)] = ""
    server_cookies: bool = False
    script_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.js$")] = "divolte.js"
    script_file: Path | None = None

    kafka_bootstrap_servers: Annotated[str, Field(min_length=1)] = "kafka:9092"
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")] = "tracking-avro"
    dead_letter_topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")] = "tracking-dead"
    dead_letter_notice_topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")] | None = None
    kafka_timeout_ms: Annotated[int, Field(ge=100, le=300_000)] = 3000
    kafka_linger_ms: Annotated[float, Field(ge=0, le=1000)] = 5.0
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "lz4"
    kafka_client_id: str = "collector"
    kafka_config_file: Path | None = None
    confluent_schema_id: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    acknowledge: Literal["durable", "first"] = "durable"
    max_in_flight: Positive = 200_000
    queue_bytes: Positive = 96 * MIB

    mapping_file: Path = Path("mapping.toml")
    schema_file: Path = Path("clickstream.avsc")
    geo_databases: Annotated[tuple[Path, ...], NoDecode] = ()
    private_visitor_ip: str | None = None
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    trusted_peers: Annotated[tuple[Network, ...], NoDecode] = ()
    bot_signals: Annotated[int, Field(ge=1, le=4)] = 2
    sites: tuple[Site, ...] = ()
    ignored_referrers: Annotated[tuple[Annotated[str, Field(pattern=DOMAIN)], ...], NoDecode] = ()
    write_keys_file: Path | None = None

    spool_directory: Path | None = None
    spool_max_bytes: Positive = 2048 * MIB
    spool_segment_bytes: Annotated[int, Field(ge=4096)] = 64 * MIB
    state_directory: Path | None = None
    duplicate_window_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 86_400
    duplicate_slots: Annotated[int, Field(ge=1024, le=2**27)] = 2**20

    privacy_signals: Policy = "drop"  # as in a stack: a visitor who opted out is not tracked
    ip_storage: Literal["full", "truncated", "none"] = "truncated"
    url_parameters: Annotated[tuple[Parameter, ...], NoDecode] = CAMPAIGN_PARAMETERS
    cookieless: bool = False
    cookieless_secret_file: Path | None = None
    user_ids: Literal["none", "hashed", "plain"] = "none"
    user_id_secret_file: Path | None = None
    session_timeout: Annotated[int, Field(gt=0, le=86_400)] = 1800
    consent_parameter: str | None = None
    consent_default: Literal["granted", "denied"] = "denied"
    without_consent: Literal["anonymise", "drop"] = "anonymise"
    allowed_origins: Annotated[tuple[Origin, ...], NoDecode] = ()

    url_bytes: Positive = 16_384
    head_bytes: Positive = 32_768
    batch_bytes: Positive = 256 * 1024
    batch_events: Positive = 1000
    event_bytes: Positive = 65_536
    json_bytes: Positive = 4096
    request_memory_bytes: Positive = 64 * MIB
    dead_letter_rate: Positive = 16 * 1024
    dead_letter_burst: Positive = 16 * MIB
    head_timeout: Seconds = 10.0
    body_timeout: Seconds = 15.0
    write_timeout: Seconds = 15.0
    idle_timeout: Seconds = 75.0
    connections: Positive = 10_000

    shutdown_delay: Seconds = 0.0
    shutdown_timeout: Seconds = 120.0

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, given: dict[str, Any]) -> dict[str, Any]:
        """An empty variable is one that is not set, except where empty means off."""
        return {name: value for name, value in given.items() if value != "" or name in _EMPTY_IS_OFF}

    @field_validator(
        "geo_databases", "trusted_proxies", "trusted_peers", "allowed_origins", "ignored_referrers", "url_parameters",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value

    @field_validator("private_visitor_ip")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        return None if value is None else str(ipaddress.ip_address(value))

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        names = ("topic", "dead_letter_topic", "dead_letter_notice_topic")
        for one, other in itertools.combinations(names, 2):
            if getattr(self, one) == getattr(self, other):
                message = f"{one} and {other} are both {getattr(self, one)!r}; each needs a topic of its own"
                raise ValueError(message)
        if "*" in self.url_parameters and len(self.url_parameters) > 1:
            message = "url_parameters has * and other names: * alone keeps every parameter"
            raise ValueError(message)
        if self.server_cookies and self.cookieless:
            message = "server_cookies and cookieless are both on: with cookieless nothing is kept on devices"
            raise ValueError(message)
        if self.user_ids != "none" and self.cookieless:
            message = f"user_ids is {self.user_ids} and cookieless is on: without cookies nobody is to be recognised"
            raise ValueError(message)
        if self.user_ids == "hashed" and self.user_id_secret_file is None:
            message = "user_ids is hashed, and user_id_secret_file names no file with the secret"
            raise ValueError(message)
        paths = [
            self.event_path,
            self.batch_path,
            self.json_path,
            self.script_path,
            self.openapi_path,
            "/ping",
            "/metrics",
            "/ready",
            "/live",
        ]
        used = [path for path in paths if path]
        for path in used:
            if used.count(path) > 1:
                message = f"the path {path!r} is used twice: prefix, suffixes, json_path and script_name must differ"
                raise ValueError(message)
        return self

    @property
    def event_path(self) -> str:
        """Path of the beacon."""
        return self.prefix + self.event_suffix

    @property
    def batch_path(self) -> str:
        """Path of the batch; empty when switched off."""
        return self.prefix + self.batch_suffix if self.batch_suffix else ""

    @property
    def script_path(self) -> str:
        """Path of the tracker script."""
        return self.prefix + self.script_name

    @property
    def openapi_path(self) -> str:
        """Path of the OpenAPI description of these endpoints."""
        return f"{self.prefix}openapi.json"

    @property
    def readable_cookies(self) -> tuple[str, str] | None:
        """Names of the cookies with party and session; None where cookies are not to be used."""
        return None if self.cookieless else (self.party_cookie, self.session_cookie)

    def kafka_config(self) -> dict[str, Any]:
        """The producer's configuration. SettingsError when its file cannot be read."""
        return {
            "bootstrap.servers": self.kafka_bootstrap_servers,
            "client.id": self.kafka_client_id,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # the one of Java's producer, so keys stay on their partitions
            "message.timeout.ms": self.kafka_timeout_ms,
            "request.timeout.ms": max(1000, self.kafka_timeout_ms),
            # A broker that is gone without a word: its successor is asked after this time.
            "socket.timeout.ms": max(10_000, 2 * self.kafka_timeout_ms),
            "linger.ms": self.kafka_linger_ms,
            "compression.type": self.kafka_compression,
            "queue.buffering.max.messages": 0 if self.max_in_flight > 10_000_000 else self.max_in_flight + 10_000,
            # Our own budget is used up first.
            "queue.buffering.max.kbytes": max(1024, self.queue_bytes // 1024),
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.fast.interval.ms": 100,
            "socket.keepalive.enable": True,
            **self._kafka_file(),
        }

    def _kafka_file(self) -> dict[str, str]:
        """Properties of the file, for what must not stand in the environment (SASL, TLS): `name=value` lines."""
        if self.kafka_config_file is None:
            return {}
        variable = f"{PREFIX}KAFKA_CONFIG_FILE"
        try:
            lines = self.kafka_config_file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            message = f"{variable}: cannot read {self.kafka_config_file}: {error.strerror}"
            raise SettingsError(message) from None
        properties: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            name, separator, value = text.partition("=")
            if not separator:
                message = f"{variable}: line {number} of {self.kafka_config_file} is not of the form name=value"
                raise SettingsError(message)
            properties[name.strip()] = value.strip()
        for name in ("acks", "enable.idempotence"):
            if name in properties:
                message = f"{variable}: {name} may not be set: an acknowledged event must be safe"
                raise SettingsError(message)
        return properties
