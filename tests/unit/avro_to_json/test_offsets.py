"""The positions of an assignment, with the client's calls recorded: what it is told, and in what order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from avro_to_json.metrics import Metrics
from avro_to_json.offsets import Offsets
from confluent_kafka import TopicPartition

if TYPE_CHECKING:
    from confluent_kafka import Consumer

TOPIC = "avro"


def truncated(position: int, end: int) -> str:
    return (
        f"Partition log truncation detected at offset {position} (leader epoch 0): broker end offset is {end} "
        "(offset leader epoch 0). Reset to INVALID.: Local: Partition log truncation detected (broker 1)"
    )


@dataclass
class RecordedClient:
    """A consumer of partitions with a position of 100 each, whose logs end at 300."""

    assigned: dict[int, int] = field(default_factory=dict)
    compared: set[int] = field(default_factory=set)
    """Partitions whose position the client compares with the log since the last assignment."""
    stored: dict[int, int] = field(default_factory=dict)

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        del timeout
        return [TopicPartition(TOPIC, item.partition, 100, leader_epoch=0) for item in partitions]

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = {item.partition: item.offset for item in partitions}
        self.compared.clear()

    def seek(self, item: TopicPartition) -> None:
        assert self.assigned[item.partition] == item.offset
        self.compared.add(item.partition)

    def commit(self, offsets: list[TopicPartition], **_: Any) -> None:
        self.stored |= {item.partition: item.offset for item in offsets}

    def get_watermark_offsets(self, _partition: TopicPartition, **_: Any) -> tuple[int, int]:
        return (0, 300)


def started() -> tuple[RecordedClient, Offsets]:
    client = RecordedClient()
    offsets = Offsets(cast("Consumer", client), TOPIC, Metrics())
    offsets.start([TopicPartition(TOPIC, number) for number in range(3)])
    return client, offsets


def test_every_position_is_compared_with_the_log_in_each_assignment() -> None:
    client, offsets = started()
    assert client.compared == {0, 1, 2}
    # The errors of the others are still on their way. Without a comparison, they are continued beyond the cut.
    offsets.reposition({0: truncated(100, 40)})
    assert client.assigned == {0: 40, 1: 100, 2: 100}
    assert client.compared == {1, 2}
    assert client.stored == {0: 40}


def test_an_error_that_comes_late_moves_nothing_back() -> None:
    client, offsets = started()
    offsets.reposition({0: truncated(100, 40)})
    offsets.reposition({0: truncated(100, 40), 1: truncated(100, 50)})
    assert client.assigned == {0: 40, 1: 50, 2: 100}
    offsets.committed({0: TopicPartition(TOPIC, 0, 140, leader_epoch=1)})
    offsets.reposition({0: truncated(100, 40)})
    assert client.assigned == {0: 140, 1: 50, 2: 100}
    assert client.compared == {0, 2}
