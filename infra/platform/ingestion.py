"""Druid's tables: source topic, retention and compaction of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from infra.config import ConfigError, DruidConfig, KafkaConfig
from infra.paths import DRUID_SPECS
from infra.platform.druid import CONSOLE
from infra.platform.edge import Edge
from infra.platform.kafka import bootstrap_servers
from infra.platform.topics import TRACKING_DEAD_NOTICES, TRACKING_JSON
from infra.resources.druid.coordinator_settings import (
    AutoCompaction,
    AutoCompactionArgs,
    RetentionRules,
    RetentionRulesArgs,
)
from infra.resources.druid.spec import EVENTS, SpecFileError, load_json
from infra.resources.druid.supervisor import DruidSupervisor, SupervisorArgs
from infra.swarm.stack import SwarmStack

COMPACTION_FILE = DRUID_SPECS / "compaction.json"
REPLICANTS = {"_default_tier": 1}
"""There is one historical. With Druid's default of two replicas, every segment would stay under-replicated."""
HAS_COUNTRY = {"type": "not", "field": {"type": "null", "column": "country"}}
"""The original's ingestion filter."""


@dataclass(frozen=True)
class Table:
    """A datasource: its name, the topic that fills it, and the schema of the topic's records in services/schema/."""

    name: str
    topic: str
    schema: str
    scaled: bool = False
    """Whether the stack's task count applies. Other tables are read by one task."""

    @property
    def file(self) -> Path:
        """Its supervisor spec."""
        return DRUID_SPECS / f"{self.name}.json"


TABLES = (
    Table("clickstream", TRACKING_JSON, EVENTS, scaled=True),
    Table("dead_letters", TRACKING_DEAD_NOTICES, "dead_letter.avsc"),
)


def supervisor_spec(table: Table, config: DruidConfig, kafka: KafkaConfig, file: Path | None = None) -> dict[str, Any]:
    """The spec in druid_specs/ with the stack's settings applied. The resource reports missing fields."""
    spec = _load(file or table.file)
    inner = spec.get("spec")
    io_config = inner.get("ioConfig") if isinstance(inner, dict) else None
    if not isinstance(io_config, dict):
        return spec
    io_config["topic"] = table.topic
    consumer = io_config.setdefault("consumerProperties", {})
    if isinstance(consumer, dict):
        consumer["bootstrap.servers"] = bootstrap_servers(kafka)
    if table.scaled:
        io_config["taskCount"] = config.druid_task_count
    io_config["taskDuration"] = config.druid_task_duration
    if config.druid_require_country and table.schema == EVENTS:
        _add_filter(spec["spec"].get("dataSchema"), HAS_COUNTRY)
    return spec


def _add_filter(data: Any, condition: dict[str, Any]) -> None:
    """Add a filter to the file's filter, if any. A row must pass both."""
    transform = data.setdefault("transformSpec", {}) if isinstance(data, dict) else None
    if isinstance(transform, dict):
        given = transform.get("filter")
        transform["filter"] = {"type": "and", "fields": [given, condition]} if given else condition


def retention_rules(config: DruidConfig) -> list[dict[str, Any]]:
    """Keep everything, or the configured number of days plus events dated in the future."""
    if config.druid_retention_days == 0:
        return [{"type": "loadForever", "tieredReplicants": REPLICANTS}]
    period = f"P{config.druid_retention_days}D"
    return [
        {"type": "loadByPeriod", "period": period, "includeFuture": True, "tieredReplicants": REPLICANTS},
        {"type": "dropForever"},
    ]


def _load(file: Path) -> dict[str, Any]:
    try:
        return load_json(file)
    except SpecFileError as error:
        raise ConfigError(str(error)) from None


class Ingestion(pulumi.ComponentResource):
    """For each table: its supervisor, retention rules and compaction."""

    def __init__(self, stack: SwarmStack, *, edge: Edge, after: Sequence[pulumi.Resource]) -> None:
        """Declare all three for each table, managed through the edge."""
        super().__init__("clickstream:platform:Ingestion", "ingestion")
        druid = stack.config.druid
        login: dict[str, Any] = {
            "base_url": edge.api.pages[CONSOLE],
            "username": edge.admin_user,
            "password": edge.admin_password,
        }
        opts = pulumi.ResourceOptions(parent=self, depends_on=[edge, *after], deleted_with=stack.swarm.deleted_with)
        before: AutoCompaction | None = None
        for table in TABLES:
            DruidSupervisor(
                table.name,
                SupervisorArgs(
                    **login,
                    spec=supervisor_spec(table, druid, stack.config.kafka),
                    schema=table.schema,
                    file=_name(table.file),
                    drop_data=druid.druid_drop_data,
                ),
                opts,
            )
            RetentionRules(
                table.name, RetentionRulesArgs(**login, datasource=table.name, rules=retention_rules(druid)), opts
            )
            # One after the other: Druid keeps all tables' compaction settings in one document. If two tables write
            # its first version at the same time, one is lost.
            before = AutoCompaction(
                table.name,
                AutoCompactionArgs(
                    **login, datasource=table.name, config=_load(COMPACTION_FILE), file=_name(COMPACTION_FILE)
                ),
                pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[before] if before else [])),
            )
        self.register_outputs({})


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
