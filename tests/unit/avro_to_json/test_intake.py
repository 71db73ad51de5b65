"""A batch is bounded by records and by bytes."""

from __future__ import annotations

from typing import Any

import pytest
from avro_to_json.intake import Intake


class Consumer:
    """Gives records of a size, as many as a call asks for, until there are no more."""

    def __init__(self, *sizes: int) -> None:
        self.records = [b"x" * size for size in sizes]

    def consume(self, count: int, timeout: float) -> list[Any]:
        assert timeout >= 0
        taken, self.records = self.records[:count], self.records[count:]
        return taken


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([10] * 5000, 1000),  # records
        ([10_000] * 5000, 128),  # bytes: the chunk of 32 in which 1 MiB is exceeded
        ([1_000_000] * 500, 32),  # a single chunk exceeds it
        ([10] * 70, 70),  # all there is
        ([], 0),
    ],
)
def test_a_batch_ends_at_the_first_of_its_limits(sizes: list[int], expected: int) -> None:
    consumer: Any = Consumer(*sizes)
    assert len(Intake(consumer, max_records=1000, max_kb=1024, max_wait_ms=20).collect()) == expected


def test_what_a_rebalance_makes_stale_is_dropped_and_the_rest_of_the_batch_is_kept() -> None:
    consumer: Any = Consumer(*[10] * 96)
    intake = Intake(consumer, max_records=1000, max_kb=1024, max_wait_ms=20)
    calls, consume = 0, consumer.consume

    def with_rebalance(count: int, timeout: float) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 3:
            intake.drop()
        records: list[Any] = consume(count, timeout)
        return records

    consumer.consume = with_rebalance
    assert len(intake.collect()) == 32
