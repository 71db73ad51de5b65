"""A topic, its supervisor, retention rules and compaction, on a platform that runs already."""

import os
from pathlib import Path
from typing import Any

import pulumi

from infra.resources.druid.coordinator_settings import (
    AutoCompaction,
    AutoCompactionArgs,
    RetentionRules,
    RetentionRulesArgs,
)
from infra.resources.druid.spec import load_json
from infra.resources.druid.supervisor import DruidSupervisor, SupervisorArgs
from infra.resources.kafka.topic import KafkaTopic, TopicArgs

config = pulumi.Config()
login: dict[str, Any] = {"username": os.environ["TEST_USER"], "password": os.environ["TEST_PASSWORD"]}
spec = load_json(Path(config.require("spec")))
topic = KafkaTopic(
    "topic",
    TopicArgs(
        **login,
        base_url=config.require("kafkaManager"),
        topic=config.require("topic"),
        partitions=2,
        replication_factor=1,
    ),
)
druid: dict[str, Any] = {**login, "base_url": config.require("druid")}
name = config.require("datasource")
opts = pulumi.ResourceOptions(depends_on=[topic])
DruidSupervisor("supervisor", SupervisorArgs(**druid, spec=spec, file="specs/edited.json", drop_data=True), opts)
RetentionRules("rules", RetentionRulesArgs(**druid, datasource=name, rules=[{"type": "loadForever"}]), opts)
AutoCompaction("compaction", AutoCompactionArgs(**druid, datasource=name, config={"skipOffsetFromLatest": "P1D"}), opts)
