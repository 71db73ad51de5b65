"""A real Druid whose indexer is killed while events flow: every event is a row, once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from infra.resources.druid.client import DruidError
from tests.services.test_druid_segments import event, spec
from tests.support.background import Background
from tests.support.druid_cluster import DruidCluster, druid_cluster
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

pytestmark = pytest.mark.timeout(1500)
TABLE = "clickstream"
FLUSH = "PT1S"
"""How often a task flushes its rows to its disk: often, so that each kill comes after a flush."""
PATIENCE = 300


class Sender(Background):
    """Sends events with consecutive numbers until it is stopped."""

    def __init__(self, cluster: DruidCluster) -> None:
        super().__init__()
        self._cluster = cluster
        self.sent = 0

    @override
    def work(self) -> None:
        while not self.stopped.wait(0.1):
            numbers = range(self.sent, self.sent + 20)
            self._cluster.produce(TABLE, map(event, numbers))
            self.sent = numbers.stop


@pytest.fixture(scope="module")
def cluster(engine: docker.DockerClient) -> Iterator[DruidCluster]:
    with druid_cluster(engine) as running:
        yield running


def rows(cluster: DruidCluster) -> dict[str, int]:
    """Rows, and different events among them; none while nobody answers."""
    query = f"SELECT COUNT(*) AS n, COUNT(DISTINCT event_id) AS ids FROM {TABLE}"  # noqa: S608 - ours
    try:
        return cluster.druid.sql(query)[0]
    except DruidError:
        return {"n": 0, "ids": 0}


def events(cluster: DruidCluster) -> int:
    return rows(cluster)["ids"]


def test_every_event_is_a_row_once_although_the_indexer_is_killed(cluster: DruidCluster) -> None:
    cluster.create_topic(TABLE)
    supervisor: dict[str, Any] = spec(cluster, TABLE)
    supervisor["spec"]["tuningConfig"]["intermediatePersistPeriod"] = FLUSH
    cluster.druid.apply(supervisor)
    with Sender(cluster) as sender:
        # Enough for some flushes, and for rows that are in none.
        until(partial(events, cluster), (1000).__le__, seconds=PATIENCE)
        cluster.kill("indexer")
        cluster.start("indexer")
    until(partial(events, cluster), sender.sent.__le__, seconds=PATIENCE)
    assert rows(cluster) == {"n": sender.sent, "ids": sender.sent}
    # What killed tasks have left would fill the disk, one kill after the other.
    tasks = cluster.shell("indexer", "find /opt/druid/var/task -name 'index_kafka_*' -type d")
    assert len(tasks) == 1, tasks
