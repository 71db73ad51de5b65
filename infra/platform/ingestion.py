"""Druid's ingestion of tracking-json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi

from infra.config import DruidConfig
from infra.platform.edge import Edge
from infra.platform.kafka import BOOTSTRAP_SERVERS
from infra.platform.topics import TRACKING_JSON
from infra.resources.druid_supervisor import DruidSupervisor
from infra.swarm.stack import Stack

SPEC_FILE = Path(__file__).parent.parent.parent / "druid_specs" / "clickstream.json"


def supervisor_spec(config: DruidConfig, file: Path = SPEC_FILE) -> dict[str, Any]:
    """The spec in druid_specs/, with what a stack sets."""
    spec: dict[str, Any] = json.loads(file.read_text())
    io_config = spec["spec"]["ioConfig"]
    io_config["topic"] = TRACKING_JSON
    io_config["consumerProperties"]["bootstrap.servers"] = BOOTSTRAP_SERVERS
    io_config["taskCount"] = config.druid_task_count
    io_config["taskDuration"] = config.druid_task_duration
    return spec


class Ingestion(pulumi.ComponentResource):
    """The supervisor that keeps ingestion tasks running."""

    def __init__(self, stack: Stack, *, edge: Edge, after: Sequence[pulumi.Resource]) -> None:
        """Declare the supervisor, managed through the edge."""
        super().__init__("clickstream:platform:Ingestion", "ingestion")
        DruidSupervisor(
            "clickstream",
            base_url=edge.urls.druid,
            username=edge.admin_user,
            password=edge.admin_password,
            spec=supervisor_spec(stack.config.druid),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[edge, *after]),
        )
        self.register_outputs({})
