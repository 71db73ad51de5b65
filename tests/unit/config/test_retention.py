"""How long events are kept."""

from infra.config import StackConfig
from infra.platform.ingestion import retention_rules
from tests.support.stack_config import raw_config


def test_events_are_kept_for_400_days_unless_the_stack_says_otherwise() -> None:
    config = StackConfig.parse("test", raw_config())
    assert (config.druid.druid_retention_days, config.archive.archive_retention_days) == (400, 400)
    assert retention_rules(config.druid)[0]["period"] == "P400D"
