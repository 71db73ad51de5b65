"""What the simulator sends, read by the collector's own parsers."""

from __future__ import annotations

import pytest

from visitors.behaviour import visits
from visitors.protocol import Run, beacon_query, events_of
from visitors.scenario import load

pytest.importorskip("orjson", reason="the collector's libraries are not installed")

from collector.protocol.batch import parse_batch_event
from collector.protocol.beacon import parse_beacon

RUN = Run("0123abcd", "http://shop.test", 1_795_000_000_000)


def test_every_event_reads_alike_and_undamaged_as_beacon_and_in_a_batch() -> None:
    for visit in visits(load("small")):
        for event in events_of(visit, RUN, 1_795_000_000_123, returning=False):
            beacon = parse_beacon(beacon_query(event).encode(), 0)
            batch = parse_batch_event(event, 0)
            assert beacon.is_corrupt is False
            for name in ("party_id", "session_id", "event_id", "event_type", "parameters", "client_timestamp_ms"):
                assert getattr(beacon, name) == getattr(batch, name), name
            assert RUN.name in str(beacon.party_id)


def test_a_broken_checksum_is_noticed() -> None:
    event = next(events_of(next(visits(load("small"))), RUN, 0, returning=False))
    assert parse_beacon((beacon_query(event).rpartition("x=")[0] + "x=corrupt").encode(), 0).is_corrupt is True
