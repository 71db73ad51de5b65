"""When the settings that Druid's coordinator keeps are written again."""

import pytest

from infra.platform.ingestion import retention_rules
from infra.resources.druid.coordinator_settings import CompactionProvider, RetentionRulesProvider
from tests.unit.druid.test_spec import settings

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


@pytest.mark.parametrize(
    ("before", "after", "is_warned"), [(0, 400, True), (0, 0, False), (400, 30, False), (30, 0, False)]
)
def test_a_preview_warns_when_rows_are_no_longer_kept_forever(
    capsys: pytest.CaptureFixture[str], *, before: int, after: int, is_warned: bool
) -> None:
    login = {name: INPUTS[name] for name in ("base_url", "username", "password", "datasource")}
    old, new = (
        {**login, "rules": retention_rules(settings(druidRetentionDays=days)), "config": {}, "file": ""}
        for days in (before, after)
    )
    assert RetentionRulesProvider().diff("clickstream", {**old, "applied": old["rules"]}, new).changes == (
        before != after
    )
    said = capsys.readouterr().err
    assert ("older than P400D" in said and "set druidRetentionDays to 0" in said) == is_warned
