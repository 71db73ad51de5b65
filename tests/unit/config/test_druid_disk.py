"""How much of Druid's disk the historical may fill, and what is refused at preview."""

import json
from typing import Any

import pytest

from infra.config import ConfigError, StackConfig
from infra.config.druid_disk import endless_retention
from infra.platform.druid import PROCESSES, process_env
from tests.support.stack_config import raw_config

HISTORICAL = next(process for process in PROCESSES if process.name == "historical")


def parse(stack: str, **changes: Any) -> StackConfig:
    return StackConfig.parse(stack, raw_config(stack, **changes))


@pytest.mark.parametrize(
    ("stack", "changes", "cache"),
    [
        ("dev", {}, 10),
        ("dev", {"druidCacheGiB": 3}, 3),
        # One machine has no volume of that size.
        ("dev", {"druidCacheGiB": 500, "druidVolumeGiB": 50}, 500),
        ("prod", {}, 20),
        ("prod", {"druidVolumeGiB": 500}, 200),
        ("prod", {"druidVolumeGiB": 500, "druidCacheGiB": 100}, 100),
    ],
)
def test_the_historical_may_fill_what_the_stack_has_room_for(stack: str, changes: dict[str, Any], cache: int) -> None:
    config = parse(stack, **changes).druid
    assert config.druid_cache_gib == cache
    locations = json.loads(process_env(HISTORICAL, config)["druid_segmentCache_locations"])
    assert [location["maxSize"] for location in locations] == [f"{cache}GiB"]


@pytest.mark.parametrize("volume", [3, 4, 5, 9, 10, 11, 31, 50, 1000, 16384])
def test_the_default_leaves_room_for_deep_storage_and_the_rest_on_every_volume(volume: int) -> None:
    cache = parse("prod", druidVolumeGiB=volume).druid.druid_cache_gib
    assert cache >= 1
    assert 2 * cache + max(1, volume / 10) <= volume


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"druidCacheGiB": 23}, "clickstream:druidCacheGiB: 23 given; a druidVolumeGiB of 50 .* 1 to 22 is allowed"),
        ({"druidCacheGiB": 5, "druidVolumeGiB": 10}, "clickstream:druidCacheGiB: 5 given.*1 to 4 is allowed"),
        ({"druidVolumeGiB": 2}, "clickstream:druidVolumeGiB: 2 given; the minimum is 3"),
    ],
)
def test_a_cache_that_the_volume_cannot_hold_beside_deep_storage_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse("prod", **changes)


def test_keeping_everything_on_a_volume_of_some_size_is_warned_of() -> None:
    warnings = list(endless_retention(parse("prod", druidRetentionDays=0).druid))
    assert len(warnings) == 1
    assert "druidRetentionDays is 0" in warnings[0]
    assert "20 GiB" in warnings[0]
    assert list(endless_retention(parse("prod", druidRetentionDays=30).druid)) == []
