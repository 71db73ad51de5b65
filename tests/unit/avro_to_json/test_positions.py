"""Where converter and replay go on when a position is missing or not in the log."""

from __future__ import annotations

import pytest
from avro_to_json.errors import StartError
from avro_to_json.replay_start import Log, Start, starts
from clickstream_service.positions import Cause, Restart, restart

OUT_OF_RANGE = (
    "fetch failed due to requested offset not available on the broker: Broker: Offset out of range (broker 1)"
)
TRUNCATED = (
    "Partition log truncation detected at offset 90 (leader epoch 3): broker end offset is 60 (offset leader epoch 2). "
    "Reset to INVALID.: Local: Partition log truncation detected (broker 1)"
)
UNKNOWN_EPOCH = (
    "No epoch found less or equal to offset 90 (leader epoch 9): broker end offset is -1 (offset leader epoch -1)."
)


@pytest.mark.parametrize(
    ("position", "error", "expected"),
    [
        (-2, OUT_OF_RANGE, Restart(Cause.DELETED, 20, 0)),
        (5, OUT_OF_RANGE, Restart(Cause.DELETED, 20, 15)),
        (150, OUT_OF_RANGE, Restart(Cause.TRUNCATED, 100, 50)),
        (90, TRUNCATED, Restart(Cause.TRUNCATED, 60, 30)),
        # The client delivered the error again after the partition was moved, or moved and read on.
        (60, TRUNCATED, None),
        (95, TRUNCATED, None),
        # The log has grown beyond the position since: it is unknown what was appended, and nothing is read twice.
        (90, OUT_OF_RANGE, Restart(Cause.TRUNCATED, 90, 0)),
        (90, UNKNOWN_EPOCH, Restart(Cause.TRUNCATED, 90, 0)),
        (150, UNKNOWN_EPOCH, Restart(Cause.TRUNCATED, 100, 50)),
    ],
)
def test_the_converter_goes_on_without_reading_twice(position: int, error: str, expected: Restart | None) -> None:
    assert restart(position, 20, 100, error) == expected


def letters(positions: dict[int, int], **ranges: tuple[int, int]) -> Log:
    found = {int(name.removeprefix("p")): range_ for name, range_ in ranges.items()}
    return Log("dead", found, positions, at=lambda since_ms: dict.fromkeys(found, since_ms))


@pytest.mark.parametrize(
    ("positions", "start", "expected"),
    [
        ({0: 30, 1: 10}, Start(), {0: 30, 1: 10}),
        ({0: 5, 1: 99}, Start(), {0: 20, 1: 10}),  # deleted below it; the log is shorter
        ({0: 30}, Start(), {0: 30, 1: 0}),  # partition 1 was added
        ({0: 30, 1: 10}, Start(from_beginning=True), {0: 20, 1: 0}),
        ({0: 30, 1: 10}, Start(since_ms=7), {0: 7, 1: 7}),
        ({}, Start(since_ms=-1), {0: 40, 1: 10}),  # none is that new
    ],
)
def test_a_replay_starts_at_its_position_or_where_it_is_told(
    positions: dict[int, int], start: Start, expected: dict[int, int]
) -> None:
    assert starts(start, letters(positions, p0=(20, 40), p1=(0, 10)), dry_run=False) == expected


def test_a_replay_without_a_position_is_refused_unless_there_is_nothing_to_replay() -> None:
    with pytest.raises(StartError, match="Up to 30 dead letters are kept"):
        starts(Start(), letters({}, p0=(20, 40), p1=(0, 10)), dry_run=False)
    assert starts(Start(), letters({}, p0=(20, 40), p1=(0, 10)), dry_run=True) == {0: 20, 1: 0}
    assert starts(Start(), letters({}, p0=(20, 20)), dry_run=False) == {0: 20}
