# ruff: noqa: INP001 - a script of the image build
"""Makes the class data archive of the Druid image, while the image is built.

Runs ZooKeeper and every Druid process in this one container, has them do what a cluster does (ingest a batch, load
the segment, answer each kind of query), and dumps the union of the classes that they loaded. One archive serves
all: the processes have most of their classes in common, and the containers on one machine share its pages.

Usage: make_archive.py ARCHIVE
"""

import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

HOME = Path("/opt/druid")
PROCESSES = ("coordinator", "historical", "broker", "indexer", "router")
# Class files before Java 6 are verified by the old verifier, and so are linked at run time, which writes to them;
# the archive is mapped read-only, and the JVM would crash.
OLDEST_CLASS_FILE = 50

ROWS = ({"t": 1, "a": "x", "n": 1}, {"t": 2, "a": "y", "n": 2.5}, {"t": 3, "a": "x", "n": 3})
TASK = {
    "type": "index_parallel",
    "spec": {
        "dataSchema": {
            "dataSource": "sample",
            "timestampSpec": {"column": "t", "format": "millis"},
            "dimensionsSpec": {"dimensions": ["a", {"type": "double", "name": "n"}, {"type": "long", "name": "k"}]},
            "granularitySpec": {"segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False},
            "transformSpec": {"filter": {"type": "not", "field": {"type": "null", "column": "a"}}},
        },
        "ioConfig": {
            "type": "index_parallel",
            "inputFormat": {"type": "json"},
            "inputSource": {"type": "inline", "data": "\n".join(json.dumps(row) for row in ROWS)},
        },
    },
}
QUERIES = (
    "SELECT * FROM sample",
    "SELECT TIME_FLOOR(__time, 'PT1M') AS m, COUNT(*) FROM sample GROUP BY 1",
    "SELECT a, SUM(n), COUNT(DISTINCT k) FROM sample WHERE n > 1 GROUP BY a ORDER BY 2 DESC LIMIT 5",
    "SELECT a, k, MAX(n), APPROX_COUNT_DISTINCT_DS_THETA(a) FROM sample GROUP BY a, k HAVING COUNT(*) > 0",
    "SELECT a, COUNT(*) FILTER (WHERE k IS NULL) FROM sample WHERE __time < CURRENT_TIMESTAMP GROUP BY a",
    "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS",
    "SELECT * FROM sys.segments",
    "SELECT * FROM sys.servers",
    "SELECT * FROM sys.tasks",
    "SELECT * FROM sys.supervisors",
)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on: a build may share the network of a machine in use."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Cluster:
    """A cluster of one of each process, in a directory of its own, listening on the loopback only."""

    def __init__(self, work: Path) -> None:
        self.work = work
        ports = free_ports(len(PROCESSES) + 2)
        self.zookeeper, self.derby = ports[:2]
        self.ports: dict[str, int] = dict(zip(PROCESSES, ports[2:], strict=True))
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, process: str) -> None:
        own = self.work / process
        own.mkdir()
        noting = f"-XX:DumpLoadedClassList={own}/classes"
        settings = {
            "TMPDIR": f"{own}",
            "JAVA_OPTS": noting,
            "JVMFLAGS": noting,
            "ZOO_DATA_DIR": f"{own}",
            "ZOO_DATA_LOG_DIR": f"{own}",
            "ZOO_CFG_EXTRA": f"clientPort={self.zookeeper} clientPortAddress=127.0.0.1",
            "druid_zk_service_host": f"127.0.0.1:{self.zookeeper}",
            "druid_host": "127.0.0.1",
            "druid_bindOnHost": "true",
            "druid_metadata_storage_type": "derby",
            "druid_metadata_storage_connector_host": "127.0.0.1",
            "druid_metadata_storage_connector_port": f"{self.derby}",
            "druid_metadata_storage_connector_connectURI": (
                f"jdbc:derby://127.0.0.1:{self.derby}/{own}/metadata.db;create=true"
            ),
            "druid_storage_type": "local",
            "druid_storage_storageDirectory": f"{self.work}/segments",
            "druid_indexer_logs_type": "file",
            "druid_indexer_logs_directory": f"{self.work}/logs",
            "druid_segmentCache_locations": json.dumps([{"path": f"{own}/cache", "maxSize": "1g"}]),
            "druid_worker_baseTaskDirs": json.dumps([f"{own}/task"]),
            "druid_worker_capacity": "2",
            "druid_processing_numThreads": "1",
            "druid_processing_numMergeBuffers": "2",
            "druid_processing_buffer_sizeBytes": "16MiB",
            "druid_processing_tmpDir": f"{own}/processing",
            "druid_indexer_queue_startDelay": "PT1S",
            "druid_coordinator_startDelay": "PT1S",
            "druid_coordinator_period": "PT1S",
            "druid_manager_segments_pollDuration": "PT1S",
            "druid_sql_planner_metadataRefreshPeriod": "PT1S",
            "druid_server_http_gracefulShutdownTimeout": "PT1S",
        }
        if process in self.ports:
            settings["druid_plaintextPort"] = str(self.ports[process])
        with (own / "log").open("wb") as log:
            self.running[process] = subprocess.Popen(
                ["/druid.sh", process], env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT
            )

    def stop(self, processes: Iterable[str]) -> None:
        """Stops cleanly: a class list is only complete when its JVM has ended by itself."""
        stopping = {name: self.running.pop(name) for name in processes}
        for each in stopping.values():
            each.terminate()
        for name, each in stopping.items():
            try:
                each.wait(60)
            except subprocess.TimeoutExpired:
                self.fail(f"{name} did not stop in 60 s")

    def healthy(self, process: str) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[process]}/status/health", timeout=2) as answer:
            return bool(json.load(answer) is True)

    def post(self, path: str, body: object) -> object:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['router']}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - always http
            return json.load(answer)

    def sql(self, query: str) -> object:
        return self.post("/druid/v2/sql", {"query": query})

    def wait(self, what: str, seconds: float, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if done():
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass  # not yet; said below if it stays so
            for name, each in self.running.items():
                if each.poll() is not None:
                    self.fail(f"{name} ended with code {each.returncode}")
            time.sleep(0.3)
        self.fail(f"{what}: not within {seconds:.0f} s")

    def fail(self, reason: str) -> None:
        for log in sorted(self.work.glob("*/log")):
            sys.stderr.write(f"--- {log.parent.name}\n{log.read_text(errors='replace')[-4000:]}\n")
        sys.exit(f"make_archive: {reason}; the ends of the logs are above")


def old_classes(jars: Iterable[Path]) -> set[str]:
    """Names, in the form a/b/C, of the classes whose class file is older than OLDEST_CLASS_FILE."""
    old = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as opened:
            for name in opened.namelist():
                if name.endswith(".class") and not name.startswith("META-INF/"):
                    with opened.open(name) as file:
                        major = int.from_bytes(file.read(8)[6:8])
                    if major < OLDEST_CLASS_FILE:
                        old.add(name.removesuffix(".class"))
    return old


def union(lists: Iterable[Path], without: set[str]) -> list[str]:
    """The lines of class lists, each once and in the order of loading; `without` names classes to leave out."""
    lines = (line for path in lists for line in path.read_text().splitlines() if not line.startswith("#"))
    return [line for line in dict.fromkeys(lines) if without.isdisjoint(line.split())]


def main(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        cluster = Cluster(Path(directory))
        for process in ("zookeeper", *PROCESSES):
            cluster.start(process)
        for process in PROCESSES:
            cluster.wait(f"{process} healthy", 900, functools.partial(cluster.healthy, process))
        cluster.post("/druid/indexer/v1/task", TASK)
        cluster.wait(
            "the batch's rows served",
            600,
            lambda: (
                cluster.sql("SELECT COUNT(*) AS n FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'sample'")
                == [{"n": 1}]
                and cluster.sql("SELECT COUNT(*) AS n FROM sample") == [{"n": len(ROWS)}]
            ),
        )
        for query in QUERIES:
            cluster.sql(query)
        # ZooKeeper is the last: a process that can't sign off there does not end.
        cluster.stop(PROCESSES)
        cluster.stop(["zookeeper"])

        classes = union(sorted(cluster.work.glob("*/classes")), old_classes(HOME.glob("lib/*.jar")))
        merged = cluster.work / "all.classes"
        merged.write_text("\n".join(classes) + "\n")
        dump = subprocess.run(
            [
                "java",
                "-Xshare:dump",
                "-XX:+UseG1GC",  # only its dump has heap objects; any collector can load them
                f"-XX:SharedClassListFile={merged}",
                f"-XX:SharedArchiveFile={archive}",
                f"@{HOME}/java.args",
                f"@{HOME}/classpath.args",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if dump.returncode != 0:
            sys.exit(f"make_archive: java -Xshare:dump failed:\n{dump.stdout[-4000:]}{dump.stderr[-4000:]}")
        sys.stdout.write(f"{archive}: {len(classes)} classes, {archive.stat().st_size >> 20} MiB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
