"""Druid's ingestion of tracking-json, how long its rows are kept, and how their segments are merged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi

from infra.config import ConfigError, DruidConfig, KafkaConfig
from infra.platform.edge import Edge
from infra.platform.kafka import bootstrap_servers
from infra.platform.topics import TRACKING_JSON
from infra.resources.druid_setting import AutoCompaction, RetentionRules
from infra.resources.druid_spec import SpecFileError, load_json
from infra.resources.druid_supervisor import DruidSupervisor
from infra.swarm.stack import Stack

FOLDER = Path(__file__).parent.parent.parent / "druid_specs"
SPEC_FILE = FOLDER / "clickstream.json"
COMPACTION_FILE = FOLDER / "clickstream.compaction.json"
DATASOURCE = "clickstream"
REPLICANTS = {"_default_tier": 1}
"""One historical runs. Druid's own default of two would call every segment under-replicated for ever."""


def supervisor_spec(config: DruidConfig, kafka: KafkaConfig, file: Path = SPEC_FILE) -> dict[str, Any]:
    """The spec in druid_specs/, with what a stack sets. What is not there to be set is found by the resource."""
    spec = _load(file)
    inner = spec.get("spec")
    io_config = inner.get("ioConfig") if isinstance(inner, dict) else None
    if not isinstance(io_config, dict):
        return spec
    io_config["topic"] = TRACKING_JSON
    consumer = io_config.setdefault("consumerProperties", {})
    if isinstance(consumer, dict):
        consumer["bootstrap.servers"] = bootstrap_servers(kafka)
    io_config["taskCount"] = config.druid_task_count
    io_config["taskDuration"] = config.druid_task_duration
    return spec


def retention_rules(config: DruidConfig) -> list[dict[str, Any]]:
    """Keep everything, or the days that the stack sets and what is dated in the future."""
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
    """The supervisor that keeps ingestion tasks running, and the coordinator's settings for its datasource."""

    def __init__(self, stack: Stack, *, edge: Edge, after: Sequence[pulumi.Resource]) -> None:
        """Declare all three, managed through the edge."""
        super().__init__("clickstream:platform:Ingestion", "ingestion")
        druid = stack.config.druid
        login: dict[str, Any] = {
            "base_url": edge.api.druid,
            "username": edge.admin_user,
            "password": edge.admin_password,
        }
        opts = pulumi.ResourceOptions(parent=self, depends_on=[edge, *after], deleted_with=stack.swarm.ends_with)
        DruidSupervisor(
            DATASOURCE,
            **login,
            spec=supervisor_spec(druid, stack.config.kafka),
            file=_name(SPEC_FILE),
            drop_data=druid.druid_drop_data,
            opts=opts,
        )
        RetentionRules(DATASOURCE, **login, datasource=DATASOURCE, rules=retention_rules(druid), opts=opts)
        AutoCompaction(
            DATASOURCE,
            **login,
            datasource=DATASOURCE,
            config=_load(COMPACTION_FILE),
            file=_name(COMPACTION_FILE),
            opts=opts,
        )
        self.register_outputs({})


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
