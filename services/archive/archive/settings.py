"""Settings of the archive: environment variables that begin with ``ARCHIVE_``, checked before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Self

from clickstream_service.settings import ServiceSettings
from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

PREFIX = "ARCHIVE_"
MIB = 1024 * 1024

Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,200}$")]


class Settings(ServiceSettings):
    """All settings, with their units and defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    bootstrap_servers: str = Field(default="kafka:9092", min_length=1, description="host:port, comma separated")
    events_topic: Topic = Field(default="tracking-json", description="Events as lines of JSON, as Druid reads them")
    dead_letter_topic: Topic = "tracking-dead"
    kafka_properties: dict[str, str | int | bool] = Field(
        default_factory=dict, description="JSON object of librdkafka properties for every client (security.protocol…)"
    )
    schema_file: Path = Field(default=Path("/schema/clickstream.avsc"), description="Avro schema of the events")

    folder: Path | None = Field(default=None, description="The archive's folder; set this or a bucket")
    bucket: str = Field(default="", description="The archive's S3-compatible bucket, instead of a folder")
    bucket_prefix: str = Field(
        default="", pattern=r"^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$", description="Folder within the bucket"
    )
    bucket_endpoint: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="URL of the S3 API; empty for AWS"
    )
    bucket_region: str = "us-east-1"
    bucket_access_key: str = Field(default="", description="Access key ID")
    bucket_secret_key_file: Path | None = Field(default=None, description="File with the secret access key")
    bucket_timeout_seconds: int = Field(default=60, ge=1, le=600, description="Timeout of one request")

    flush_seconds: int = Field(default=60, ge=1, le=3600, description="Longest time until an event is in a file")
    buffer_mib: int = Field(default=16, ge=1, le=4096, description="Buffered MiB at which files are written")
    file_mib: int = Field(default=128, ge=1, le=4096, description="Target size of merged files, MiB")
    merge_files: int = Field(default=32, ge=2, le=10_000, description="Small files per day that start a merge")
    max_sites: int = Field(
        default=100, ge=1, le=10_000, description="Most sites per day with their own folder; the others share one"
    )
    retention_days: int = Field(default=400, ge=0, le=36_500, description="Days until events are deleted; 0: never")

    fetch_max_kb: int = Field(default=512, ge=1, le=32_768, description="Largest fetch, compressed KiB")
    fetch_buffer_kb: int = Field(default=8192, ge=64, description="Queued KiB at which fetching pauses")
    ready_max_lag: int = Field(default=100_000, ge=0, description="Not ready while a partition lags more, records")
    stalled_after_seconds: int = Field(default=600, ge=1, description="Not live if the main loop stalls this long")

    http_host: str = "0.0.0.0"
    http_port: int = Field(default=9500, ge=0, le=65535)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if bool(self.folder) == bool(self.bucket):
            given = "both are set" if self.folder else "neither is set"
            message = f"{PREFIX}FOLDER and {PREFIX}BUCKET: {given}; the archive is in one of them: set one"
            raise ValueError(message)
        if self.bucket and bool(self.bucket_access_key) != bool(self.bucket_secret_key_file):
            message = (
                f"{PREFIX}BUCKET_ACCESS_KEY and {PREFIX}BUCKET_SECRET_KEY_FILE: only one is set; set both, or neither "
                "if the machine itself has access"
            )
            raise ValueError(message)
        if self.events_topic == self.dead_letter_topic:
            message = f"events and dead letters must be on different topics, got {self.events_topic} for both"
            raise ValueError(message)
        return self

    @property
    def topics(self) -> tuple[str, str]:
        """All topics to read."""
        return self.events_topic, self.dead_letter_topic

    def shown(self) -> dict[str, Any]:
        """Return the settings for the log, without client properties, which may contain a password."""
        return {
            **json.loads(self.model_dump_json(exclude={"kafka_properties"})),
            "kafka_properties": sorted(self.kafka_properties),
        }
