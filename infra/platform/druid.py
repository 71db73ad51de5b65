"""ZooKeeper and Druid: one service per process."""

import json
from dataclasses import dataclass

import pulumi

from infra.config import DruidConfig, StackConfig
from infra.images.source import ImageSource
from infra.platform.kafka import GROUP as KAFKA
from infra.swarm.admin_page import AdminPage
from infra.swarm.spec import DRUID, QUERY, HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="druid", mebibytes=196)
CONSOLE = AdminPage(name="druid", subdomain="druid", target=8888, service="router")
ROUTER_PORT = 8888
GROUP = "druid"
"""All processes and ZooKeeper: they find each other through ZooKeeper and talk in every direction."""
VAR = "/opt/druid/var"
SEGMENTS = VolumeMount(volume="druid-segments", path="/opt/shared")
"""Deep storage: written by the indexer, read by the historical, cleaned by the coordinator."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A Druid process. Heap and direct memory in MiB at scale 1, tested with 200,000 rows on 2 cores."""

    name: str
    port: int
    heap: int
    direct: int
    threads: int = 1
    """Threads that read segments, at scale 1. Each takes a buffer of direct memory."""
    data: str | None = None
    segments: bool = False
    kafka: bool = False
    """Whether it reads Kafka: the indexer the records, the coordinator the topics' offsets."""
    page: AdminPage | None = None
    env: tuple[tuple[str, str], ...] = ()
    stop_grace_period: int = 15

    def memory(self, scale: int) -> int:
        """Memory limit in MiB: heap, direct memory, and the JVM's own overhead."""
        return (self.heap + self.direct) * scale + 256


PROCESSES = (
    Process(
        name="coordinator",
        port=8081,
        heap=256,
        direct=64,
        data=VAR,
        segments=True,
        kafka=True,
        env=(
            ("druid_coordinator_asOverlord_enabled", "true"),
            ("druid_coordinator_asOverlord_overlordService", "druid/overlord"),
            ("druid_coordinator_startDelay", "PT5S"),
            ("druid_coordinator_period", "PT5S"),
            ("druid_indexer_queue_startDelay", "PT1S"),
            ("druid_indexer_runner_type", "httpRemote"),
            ("druid_indexer_storage_type", "metadata"),
            ("druid_manager_segments_pollDuration", "PT5S"),
            ("druid_manager_rules_pollDuration", "PT10S"),
            # Segments dropped by retention rules or replaced by compaction are deleted from disk after a week.
            ("druid_coordinator_kill_on", "true"),
            ("druid_coordinator_kill_period", "PT1H"),
            ("druid_coordinator_kill_durationToRetain", "P1D"),
            ("druid_coordinator_kill_bufferPeriod", "P7D"),
            ("druid_coordinator_kill_maxSegments", "1000"),
            # By default, Druid deletes the settings of a table without segments: compaction settings when the
            # coordinator starts, retention rules after 90 days. Both are Pulumi resources: only Pulumi may delete them.
            ("druid_coordinator_kill_compaction_on", "false"),
            ("druid_coordinator_kill_rule_on", "false"),
            # Logs and reports of tasks, in ms.
            ("druid_indexer_logs_kill_enabled", "true"),
            ("druid_indexer_logs_kill_durationToRetain", str(30 * 24 * 3_600_000)),
        ),
    ),
    Process(
        name="broker",
        port=8082,
        heap=192,
        direct=96,
        env=(
            ("druid_broker_http_numConnections", "5"),
            ("druid_broker_cache_useCache", "false"),
            ("druid_broker_cache_populateCache", "false"),
            ("druid_sql_enable", "true"),
            ("druid_sql_planner_metadataRefreshPeriod", "PT10S"),
        ),
    ),
    Process(
        name="historical",
        port=8083,
        heap=160,
        direct=96,
        threads=2,
        data=VAR,
        segments=True,
        env=(
            ("druid_segmentCache_numLoadingThreads", "1"),
            ("druid_segmentCache_numBootstrapThreads", "1"),
        ),
    ),
    Process(
        name="indexer",
        port=8091,
        heap=384,
        direct=128,
        data=VAR,
        segments=True,
        kafka=True,
        env=(
            ("druid_worker_baseTaskDirs", '["/opt/druid/var/task"]'),
            ("druid_worker_numConcurrentMerges", "1"),
            ("druid_segmentCache_locations", '[{"path":"/opt/druid/var/indexer-cache","maxSize":"100m"}]'),
            # A flush can contain a row beyond the offset that was committed with it. A task restored after a kill
            # reads that row again, so the table silently contains it twice. A new task starts at the last published
            # offset, so every row is published once.
            ("druid_indexer_task_restoreTasksOnRestart", "false"),
            ("druid_segment_handoff_pollDuration", "PT3S"),
            ("druid_indexer_task_gracefulShutdownTimeout", "PT10S"),
        ),
        stop_grace_period=20,
    ),
    Process(
        name="router",
        port=ROUTER_PORT,
        page=CONSOLE,
        heap=96,
        direct=64,
        env=(
            ("druid_router_http_numConnections", "10"),
            ("druid_router_http_readTimeout", "PT5M"),
            ("druid_router_http_numMaxThreads", "20"),
            ("druid_router_defaultBrokerServiceName", "druid/broker"),
            ("druid_router_coordinatorServiceName", "druid/coordinator"),
            ("druid_router_managementProxy_enabled", "true"),
        ),
    ),
)


def zookeeper_spec() -> ServiceSpec:
    """Druid's coordination service. Kafka does not use it."""
    return ServiceSpec(
        name="zookeeper",
        # Our Druid image contains ZooKeeper and runs it, even if `druidImage` names another image for Druid.
        image="zookeeper",
        source=IMAGE,
        args=("zookeeper",),
        memory=256,
        env={"ZK_SERVER_HEAP": "64"},
        volumes=(
            VolumeMount(volume="zookeeper", path="/data"),
            VolumeMount(volume="zookeeper-log", path="/datalog"),
        ),
        healthcheck=HealthCheck(
            command=(
                "CMD",
                "bash",
                "-c",
                "exec 3<>/dev/tcp/127.0.0.1/2181 && printf srvr >&3 && grep -q Mode <&3",
            ),
        ),
        group=GROUP,
        placement=DRUID,
    )


def process_spec(config: DruidConfig, process: Process) -> ServiceSpec:
    """The service that runs a process."""
    mounts = []
    if process.data:
        mounts.append(VolumeMount(volume=f"druid-{process.name}", path=process.data))
    if process.segments:
        mounts.append(SEGMENTS)
    return ServiceSpec(
        name=process.name,
        source=IMAGE,
        args=(process.name,),
        memory=process.memory(config.druid_scale),
        env=process_env(process, config),
        volumes=tuple(mounts),
        group=GROUP,
        talks_to=(KAFKA,) if process.kafka else (),
        # Native libraries, and results that do not fit into memory.
        scratch=() if process.data else (VAR,),
        healthcheck=HealthCheck.http(process.port, "/status/health", start_period=120),
        stop_grace_period=process.stop_grace_period,
        placement=DRUID if mounts else QUERY,
        page=process.page,
    )


def process_env(process: Process, config: DruidConfig) -> dict[str, str]:
    """A process's environment, in the form that the official apache/druid image expects."""
    scale = config.druid_scale
    return {
        "DRUID_XMS": f"{process.heap * scale // 2}m",
        "DRUID_XMX": f"{process.heap * scale}m",
        "DRUID_MAXDIRECTMEMORYSIZE": f"{process.direct * scale}m",
        "druid_processing_numThreads": str(process.threads * scale),
        **_common_env(process.name, scale),
        **dict(process.env),
        **_sizes(process.name, config),
    }


def _sizes(process: str, config: DruidConfig) -> dict[str, str]:
    """Sizes that only one process has, from the stack's configuration."""
    if process == "indexer":
        return _slots(config.druid_task_count)
    return segment_cache(f"{config.druid_cache_gib}GiB") if process == "historical" else {}


def segment_cache(size: str) -> dict[str, str]:
    """Where the historical stores loaded segments. The coordinator assigns it no more than fits."""
    location = {"path": "/opt/druid/var/segment-cache", "maxSize": size}
    return {"druid_segmentCache_locations": json.dumps([location])}


def _slots(task_count: int) -> dict[str, str]:
    """Worker slots: for each ingestion task and its successor during handover, for compaction, and for deletion."""
    return {"druid_worker_capacity": str(2 * (task_count + 1) + 2)}


def _common_env(host: str, scale: int) -> dict[str, str]:
    """Settings of every process. `host` is the name by which the other processes reach it."""
    return {
        "druid_host": host,
        "druid_extensions_loadList": '["druid-kafka-indexing-service","druid-datasketches"]',
        "druid_zk_service_host": "zookeeper:2181",
        "druid_zk_paths_base": "/druid",
        # Only the coordinator uses this database, which has no login, so it does not listen on the network.
        "druid_metadata_storage_type": "derby",
        "druid_metadata_storage_connector_connectURI": (
            "jdbc:derby://localhost:1527//opt/druid/var/metadata.db;create=true"
        ),
        "druid_metadata_storage_connector_host": "localhost",
        "druid_metadata_storage_connector_port": "1527",
        "druid_storage_type": "local",
        "druid_storage_storageDirectory": f"{SEGMENTS.path}/segments",
        "druid_indexer_logs_type": "file",
        "druid_indexer_logs_directory": f"{SEGMENTS.path}/indexing-logs",
        "druid_selectors_indexing_serviceName": "druid/overlord",
        "druid_selectors_coordinator_serviceName": "druid/coordinator",
        "druid_indexing_doubleStorage": "double",
        "druid_lookup_enableLookupSyncOnStartup": "false",
        # An indexer would take the default of 30 s to stop.
        "druid_server_http_gracefulShutdownTimeout": "PT3S",
        "druid_server_http_numThreads": str(12 * scale),
        "druid_startup_logging_logProperties": "false",
        "druid_processing_numMergeBuffers": "2",
        "druid_processing_buffer_sizeBytes": "16MiB",
        "druid_processing_tmpDir": "/opt/druid/var/processing",
        # Sketches grouped by city or page do not fit into the buffers; the rest spills to disk.
        "druid_query_groupBy_maxOnDiskStorage": "1GiB",
        # JavaScript in a query or supervisor spec would be remote code execution.
        "druid_javascript_enabled": "false",
    }


def druid_specs(config: StackConfig) -> list[ServiceSpec]:
    """Druid's services: ZooKeeper, then every process."""
    return [zookeeper_spec(), *(process_spec(config.druid, process) for process in PROCESSES)]


class Druid(pulumi.ComponentResource):
    """The database. Ready when every process is."""

    def __init__(self, stack: SwarmStack) -> None:
        """Declare ZooKeeper first, then all processes side by side."""
        super().__init__("clickstream:platform:Druid", "druid")
        first, *processes = druid_specs(stack.config)
        stopped = stack.stop_before_moving("druid", processes, parent=self)
        zookeeper = stack.run(first, parent=self, after=[stopped])
        for process in processes:
            stack.run(process, parent=self, after=[zookeeper])
        self.register_outputs({})
