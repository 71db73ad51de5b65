"""Settings of the converter: environment variables that begin with ``AVRO_TO_JSON_``, checked before anything runs."""

from __future__ import annotations

import json
import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from clickstream_service.settings import ServiceSettings
from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

PREFIX = "AVRO_TO_JSON_"


class Delivery(StrEnum):
    """Delivery guarantee: exactly once (transactions), or at least once (a crash may duplicate records)."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


class Framing(StrEnum):
    """How a value starts: with the datum itself, or with Confluent's zero byte and four-byte schema id."""

    RAW = "raw"
    CONFLUENT = "confluent"

    @classmethod
    def _missing_(cls, value: object) -> Framing | None:
        return cls.RAW if value == "naked" else None  # its earlier name


class TimestampFormat(StrEnum):
    """JSON form of fields with a timestamp logical type."""

    MILLIS = "millis"
    ISO = "iso"


Milliseconds = Annotated[int, Field(ge=1)]


class Settings(ServiceSettings):
    """All settings, with their units and defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    bootstrap_servers: str = Field(default="kafka:9092", min_length=1, description="host:port, comma separated")
    input_topic: str = Field(default="tracking-avro", pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    output_topic: str = Field(default="tracking-json", pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    dead_letter_topic: str = Field(default="tracking-dead", pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    dead_letter_notice_topic: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")] | None = Field(
        default=None, description="Receives a summary of each dead letter as a line of JSON, without the record"
    )
    group_id: str = Field(default="avro-to-json", min_length=1)
    transactional_id: str = Field(
        default_factory=lambda: f"avro-to-json-{socket.gethostname()}",
        min_length=1,
        description="Unique per running replica. A replica that returns with its old id fences its predecessor at once",
    )
    delivery: Delivery = Delivery.EXACTLY_ONCE
    kafka_properties: dict[str, str | int | bool] = Field(
        default_factory=dict, description="JSON object of librdkafka properties for every client (security.protocol…)"
    )

    schema_file: Path = Field(
        default=Path("/schema/clickstream.avsc"), description="Reader schema, which defines the fields of the JSON"
    )
    writer_schema_file: Path | None = Field(
        default=None, description="Writer schema of raw datums, if producers are older or newer than this converter"
    )
    schema_id: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = Field(
        default=None, description="Confluent id of schema_file, for records written with it"
    )
    writer_schemas_dir: Path | None = Field(
        default=None,
        description="Folder with one <id>.avsc per schema that records reference, or per earlier schema of raw records",
    )
    framing: Framing = Framing.RAW
    timestamp_format: TimestampFormat = TimestampFormat.MILLIS
    keep_nulls: bool = True

    batch_max_records: int = Field(default=5000, ge=1, le=100_000, description="Most records per transaction")
    batch_max_wait_ms: Milliseconds = Field(default=20, le=10_000, description="Longest wait for a batch to fill")
    batch_max_kb: int = Field(
        default=4096,
        ge=64,
        le=1_048_576,
        description="Most KiB of Avro in one transaction; the last record may exceed it",
    )
    fetch_max_kb: int = Field(
        default=64, ge=1, le=32_768, description="Largest fetch, compressed KiB; a larger batch is fetched alone"
    )
    fetch_buffer_kb: int = Field(
        default=8192, ge=64, le=1_048_576, description="Queued decompressed KiB at which fetching pauses"
    )
    produce_buffer_kb: int = Field(default=32_768, ge=1024, description="Limit of the send buffer, KiB")
    max_record_bytes: int = Field(
        default=1_000_000,
        ge=1_000,
        description="Larger JSON becomes a dead letter; lowered to the topic's own limit at start",
    )
    compression: str = Field(default="lz4", pattern="^(none|gzip|snappy|lz4|zstd)$")
    session_timeout_ms: Milliseconds = Field(
        default=10_000, ge=6_000, description="Time after which a dead replica's partitions are reassigned"
    )
    transaction_timeout_ms: Milliseconds = Field(
        default=10_000,
        ge=1_000,
        description="Longest time that readers of committed data wait for a replica that died and does not return",
    )
    ready_max_lag: int = Field(default=10_000, ge=0, description="Not ready while a partition lags more, records")
    stalled_after_ms: Milliseconds = Field(default=120_000, description="Not live if the main loop stalls this long")
    drain_timeout_ms: Milliseconds = Field(
        default=10_000, description="Longest wait for the last transaction when stopping"
    )

    http_host: str = "0.0.0.0"
    http_port: int = Field(default=9400, ge=0, le=65535)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        topics = self.topics
        if len(set(topics)) != len(topics):
            message = f"input, output, dead and notice topic must be different topics, got {', '.join(topics)}"
            raise ValueError(message)
        if self.framing is Framing.CONFLUENT and self.writer_schemas_dir is None and self.schema_id is None:
            message = (
                f"framing=confluent needs {PREFIX}SCHEMA_ID, the schema's id, or {PREFIX}WRITER_SCHEMAS_DIR, "
                "a folder with one <schema id>.avsc per id"
            )
            raise ValueError(message)
        return self

    @property
    def topics(self) -> list[str]:
        """All topics that are read or written."""
        names = [self.input_topic, self.output_topic, self.dead_letter_topic, self.dead_letter_notice_topic]
        return [name for name in names if name is not None]

    def shown(self) -> dict[str, Any]:
        """Return the settings for the log, without client properties, which may contain a password."""
        return {
            **json.loads(self.model_dump_json(exclude={"kafka_properties"})),
            "kafka_properties": sorted(self.kafka_properties),
        }
