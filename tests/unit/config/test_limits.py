"""Settings against floods: the edge's limits and its memory for them, and the room of the collectors' dead letters."""

from typing import Any

import pytest

from infra.config import ConfigError, StackConfig
from infra.pipeline.collector import collector_spec, dead_letter_budget
from infra.platform.edge import edge_spec
from tests.support.stack_config import raw_config


def parse(**changes: Any) -> StackConfig:
    return StackConfig.parse("test", raw_config(**changes))


def test_the_edge_gets_the_limits_and_memory_for_its_connections() -> None:
    changes = {"addressRate": 50, "addressBurst": 600, "totalRate": 7000, "addressConnections": 20}
    spec = edge_spec(parse(**changes, totalConnections=10_000, unlimitedAddresses=["203.0.113.0/24"]), pages=())
    wanted = {"ADDRESS_RATE": "50 600", "TOTAL_RATE": "7000 14000", "CONNECTIONS": "20 10000"}
    assert {name: spec.env[f"EDGE_{name}"] for name in wanted} == wanted
    assert spec.env["EDGE_UNLIMITED"] == "203.0.113.0/24"
    assert spec.memory > edge_spec(parse(), pages=()).memory >= 200
    assert "EDGE_UNLIMITED" not in edge_spec(parse(), pages=()).env


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"addressRate": 0}, "addressRate"),
        ({"totalConnections": 1_000_000}, "totalConnections"),
        ({"unlimitedAddresses": ["203.0.113.7/24"]}, "203.0.113.0/24"),
        ({"addressRate": 6000}, "addressRate is 6000, but totalRate only 5000"),
        ({"addressConnections": 4000}, "addressConnections is 4000, but totalConnections only 3000"),
    ],
)
def test_wrong_limits_stop_the_preview(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(**changes)


@pytest.mark.parametrize("replicas", [1, 3])
def test_dead_letters_of_the_collectors_leave_half_of_the_topic_to_those_of_the_converter(replicas: int) -> None:
    config = parse(collectorReplicas=replicas)
    budget = dead_letter_budget(config.kafka, replicas)
    assert budget.items() <= collector_spec(config).env.items()
    seconds = config.kafka.dead_letter_retention_hours * 3600
    most = int(budget["COLLECTOR_DEAD_LETTER_BURST"]) + seconds * int(budget["COLLECTOR_DEAD_LETTER_RATE"])
    assert most * replicas <= config.kafka.topic_retention_mib * 2**20 / 2
