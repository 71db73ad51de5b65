"""A real broker for tests: the platform's own Kafka image, on a port of its own, that can be killed and comes back."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import uuid
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from infra.paths import SCHEMAS
from tests.support.images import DOCKER, build
from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Broker:
    """One broker that is its own controller; data outlives a kill."""

    def __init__(self, image: str) -> None:
        self.port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._name = f"clickstream-test-kafka-{uuid.uuid4().hex[:8]}"
        environment = {
            "CLUSTER_ID": "AAAAAAAAAAAAAAAAAAAAAQ",
            "KAFKA_HEAP_OPTS": "-Xms256m -Xmx256m",
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{self.address}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@127.0.0.1:{controller}",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "2",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "2",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE": "16777216",
        }
        variables = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        _docker("run", "-d", "--name", self._name, "--network", "host", *variables, image)
        self.wait_until_up()

    def topics(self, partitions: int = 4) -> Topics:
        """Create a converter's topics under fresh names."""
        topics = Topics(uuid.uuid4().hex[:8])
        admin = AdminClient({"bootstrap.servers": self.address})
        keep = {"retention.ms": "-1"}  # the tests' records carry old timestamps, by which Kafka would delete them
        new = [NewTopic(name, partitions, 1, config=keep) for name in topics.all]
        for future in admin.create_topics(new).values():
            future.result(30)
        return topics

    def kill(self) -> None:
        """End it as a power cut would."""
        _docker("kill", "--signal", "KILL", self._name)

    def start(self) -> None:
        """Bring it back with its data, and wait for it."""
        _docker("start", self._name)
        self.wait_until_up()

    def log_bytes(self, topic: str, partition: int) -> int:
        """Size of a partition's only log file."""
        file = f"/var/lib/kafka/data/{topic}-{partition}/{0:020}.log"
        return int(_docker("exec", self._name, "stat", "--format", "%s", file))

    def shorten(self, topic: str, partition: int) -> None:
        """Cut a partition's only log file in half while the broker is dead: what a crash does to unflushed pages."""
        folder = f"/var/lib/kafka/data/{topic}-{partition}"
        source = subprocess.run(
            [DOCKER, "cp", f"{self._name}:{folder}/{0:020}.log", "-"], check=True, capture_output=True
        )
        with tarfile.open(fileobj=io.BytesIO(source.stdout)) as archive:
            member = archive.getmembers()[0]
            content = archive.extractfile(member)
            assert content is not None
            half = content.read()[: member.size // 2]
        # The copy belongs to root, whatever the archive says: the broker's user must be able to go on writing.
        member.size, member.mode, target = len(half), 0o666, io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as archive:
            archive.addfile(member, io.BytesIO(half))
        subprocess.run([DOCKER, "cp", "-", f"{self._name}:{folder}"], check=True, input=target.getvalue())

    def freeze(self) -> None:
        """Leave its connections open and unanswered, as a machine that hangs does."""
        _docker("pause", self._name)

    def thaw(self) -> None:
        """Let it go on."""
        _docker("unpause", self._name)

    def wait_until_up(self, timeout: float = 60) -> None:
        """Return when it answers."""
        ask = partial(AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics, timeout=2)
        try:
            until(ask, what=f"a broker on {self.address}", seconds=timeout, retry_on=(KafkaException,))
        except AssertionError as error:
            logs = _docker("logs", "--tail", "20", self._name)
            message = f"{error}\n{logs}"
            raise AssertionError(message) from error

    def remove(self) -> None:
        """Leave nothing behind."""
        _docker("rm", "--force", "--volumes", self._name)


class Topics:
    """Names of one test's topics and group."""

    def __init__(self, suffix: str) -> None:
        self.all = [f"{name}-{suffix}" for name in ("avro", "json", "dead", "dead-notices")]
        self.avro, self.json, self.dead, self.notices = self.all
        self.group = f"converter-{suffix}"

    def environment(self, address: str) -> Mapping[str, str]:
        """Settings of a converter between these topics."""
        return {
            "AVRO_TO_JSON_BOOTSTRAP_SERVERS": address,
            "AVRO_TO_JSON_INPUT_TOPIC": self.avro,
            "AVRO_TO_JSON_OUTPUT_TOPIC": self.json,
            "AVRO_TO_JSON_DEAD_LETTER_TOPIC": self.dead,
            "AVRO_TO_JSON_DEAD_LETTER_NOTICE_TOPIC": self.notices,
            "AVRO_TO_JSON_GROUP_ID": self.group,
            "AVRO_TO_JSON_SCHEMA_FILE": str(SCHEMAS / "clickstream.avsc"),
            "AVRO_TO_JSON_HTTP_PORT": "0",
            "AVRO_TO_JSON_SESSION_TIMEOUT_MS": "6000",
            "AVRO_TO_JSON_TRANSACTION_TIMEOUT_MS": "6000",
        }


@contextlib.contextmanager
def broker() -> Iterator[Broker]:
    """Build the image (from cache, mostly), run a broker, and remove it."""
    running = Broker(build("kafka"))
    try:
        yield running
    finally:
        running.remove()


def _docker(*arguments: str) -> str:
    done = subprocess.run([DOCKER, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        message = f"docker {' '.join(arguments[:3])}: {done.stderr}"
        raise RuntimeError(message)
    return done.stdout + done.stderr
