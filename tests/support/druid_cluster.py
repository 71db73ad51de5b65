"""A real Druid with a Kafka for tests: the platform's own images and settings, on ports of its own.

All containers share one network namespace, so that none of them needs a name.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from infra.config import StackConfig
from infra.platform.druid import PROCESSES, ROUTER_PORT, SEGMENTS, process_env
from infra.resources.druid.client import DruidClient, DruidError
from tests.support.images import build
from tests.support.ports import free_port
from tests.support.stack_config import raw_config
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import docker

START = 300
"""Seconds that all processes may take on a busy machine."""


class DruidCluster:
    """Druid by its router, and the Kafka that it reads."""

    def __init__(self, router: str, kafka: str, processes: Mapping[str, Any]) -> None:
        self.url = router
        self.kafka = kafka
        self._processes = processes
        self.druid = DruidClient(router, username="", password="")

    def servers(self) -> set[str]:
        """Kinds of the processes that the broker knows; none while there is no broker."""
        try:
            return {str(row["server_type"]) for row in self.druid.sql("SELECT server_type FROM sys.servers")}
        except DruidError:
            return set()

    def kill(self, process: str) -> None:
        """End a process as the kernel does when memory is short."""
        self._processes[process].kill(signal="KILL")
        self._processes[process].wait(timeout=START)

    def start(self, process: str) -> None:
        """Bring it back with its files."""
        self._processes[process].start()

    def shell(self, process: str, command: str) -> list[str]:
        """Lines that a command prints in a process's container."""
        status, output = self._processes[process].exec_run(["bash", "-c", command])
        assert status == 0, output
        return str(output, "utf-8").splitlines()

    def create_topic(self, name: str) -> None:
        """One partition; records are kept whatever their timestamps are."""
        # Its requests end with the client, so it needs a name.
        admin = AdminClient({"bootstrap.servers": self.kafka})
        admin.create_topics([NewTopic(name, 1, 1, config={"retention.ms": "-1"})])[name].result(60)

    def delete_topic(self, name: str) -> None:
        """Delete it with its records."""
        admin = AdminClient({"bootstrap.servers": self.kafka})
        admin.delete_topics([name])[name].result(60)

    def produce(self, topic: str, events: Iterable[Mapping[str, Any]]) -> None:
        """Send events as JSON; each is acknowledged when this returns."""
        producer = Producer({"bootstrap.servers": self.kafka, "linger.ms": 20})
        for event in events:
            producer.produce(topic, json.dumps(event))
            producer.poll(0)
        assert producer.flush(60) == 0


@contextmanager
def druid_cluster(engine: docker.DockerClient, **settings: Mapping[str, str]) -> Iterator[DruidCluster]:
    """Start everything and remove it afterwards. `settings`: environment of a process on top of the platform's."""
    name = f"clickstream-test-druid-{uuid.uuid4().hex[:8]}"
    config = StackConfig.parse("test", raw_config()).druid
    port = free_port()
    image, kafka_image = build("druid"), build("kafka")
    segments = engine.volumes.create(f"{name}-segments")
    containers: list[Any] = []
    processes: dict[str, Any] = {}

    def run(suffix: str, image: str, arguments: list[str], **options: Any) -> Any:
        if containers:
            options["network_mode"] = f"container:{containers[0].id}"
        containers.append(engine.containers.run(image, arguments, name=f"{name}-{suffix}", detach=True, **options))
        return containers[-1]

    try:
        published = {f"{ROUTER_PORT}/tcp": ("127.0.0.1", None), f"{port}/tcp": ("127.0.0.1", port)}
        first = run("zookeeper", image, ["zookeeper"], environment={"ZK_SERVER_HEAP": "64"}, ports=published)
        run("kafka", kafka_image, [], environment=_kafka(port))
        for process in PROCESSES:
            processes[process.name] = run(
                process.name,
                image,
                [process.name],
                environment={
                    **process_env(process, config),
                    "druid_host": "localhost",
                    "druid_zk_service_host": "localhost:2181",
                    **settings.get(process.name, {}),
                },
                volumes={segments.name: {"bind": SEGMENTS.path, "mode": "rw"}} if process.segments else {},
            )
        first.reload()
        router = first.ports[f"{ROUTER_PORT}/tcp"][0]["HostPort"]
        cluster = DruidCluster(f"http://127.0.0.1:{router}", f"127.0.0.1:{port}", processes)
        with cluster.druid:
            cluster.druid.wait_until_up(START)
            until(cluster.servers, {"historical", "indexer"}.issubset, seconds=START)
            yield cluster
    finally:
        for container in reversed(containers):
            container.remove(force=True, v=True)
        segments.remove(force=True)


def _kafka(port: int) -> dict[str, str]:
    """The broker is reached at the same address from inside the namespace and from this machine."""
    return {
        "CLUSTER_ID": "AAAAAAAAAAAAAAAAAAAAAQ",
        "KAFKA_HEAP_OPTS": "-Xms192m -Xmx192m",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE": "16777216",
    }
