"""When the settings that Druid's coordinator keeps are written again."""

from infra.resources.druid.coordinator_settings import CompactionProvider

INPUTS = {
    "base_url": "http://router:8888",
    "username": "admin",
    "password": "x",
    "datasource": "clickstream",
    "config": {"skipOffsetFromLatest": "P1D"},
}


def test_an_upgrade_writes_a_compaction_again_that_earlier_coordinators_deleted() -> None:
    provider = CompactionProvider()
    by_an_earlier_version = {**INPUTS, "applied": INPUTS["config"]}
    assert provider.diff("clickstream", by_an_earlier_version, INPUTS).changes
    assert not provider.diff("clickstream", {**by_an_earlier_version, "survives_restarts": True}, INPUTS).changes
