"""Settings of the manager: environment variables that begin with ``KAFKA_MANAGER_``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from clickstream_service.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class Settings(ServiceSettings):
    """All settings, with their units and defaults."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_MANAGER_")

    bootstrap_servers: str = Field("kafka:9092", min_length=1, description="host:port, comma separated")
    kafka_properties: dict[str, str | int | bool] = Field(
        default_factory=dict, description="JSON object of librdkafka properties (security.protocol…)"
    )
    schema_file: Path = Field(Path("/schema/clickstream.avsc"), description="Schema of the Avro topic's messages")
    avro_framing: Literal["raw", "confluent"] = "raw"
    avro_topic: str = "tracking-avro"
    json_topic: str = "tracking-json"
    dead_letter_topic: str = "tracking-dead"
    host: str = "0.0.0.0"
    port: int = Field(9000, ge=0, le=65535)
    max_viewers: int = Field(4, ge=1, le=100, description="Most open pages; each is a process of about 120 MB")
    request_timeout_s: float = Field(20, gt=0, le=300, description="Timeout for the broker's response")
