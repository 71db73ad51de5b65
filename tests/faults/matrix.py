"""What happens to the platform, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.kinds import Down, Freeze, Kill, OutOfMemory, PacketLoss

if TYPE_CHECKING:
    from tests.faults.kinds import Fault

FAULTS: tuple[Fault, ...] = (
    Kill(("edge",)),
    Kill(("collector",)),
    Kill(("kafka",)),
    Kill(("avro-to-json",)),
    Kill(("indexer",)),
    Kill(("kafka", "indexer")),
    Kill(("collector", "kafka")),
    Kill(("coordinator",)),
    Kill(("historical",)),
    Kill(("broker",)),
    Kill(("router",)),
    Kill(("zookeeper",)),
    Freeze("kafka"),
    Freeze("collector"),
    Freeze("avro-to-json"),
    Freeze("indexer"),
    Freeze("coordinator"),
    Freeze("zookeeper"),
    Freeze("edge"),
    OutOfMemory("collector"),
    OutOfMemory("avro-to-json"),
    OutOfMemory("kafka"),
    OutOfMemory("indexer"),
    PacketLoss("kafka", 20),
    PacketLoss("kafka", 100),
    PacketLoss("collector", 20),
    PacketLoss("indexer", 100),
    Down("zookeeper", 60),
    Down("kafka", 180),
    Kill(("superset", "postgres", "website", "kafka-manager")),
)
