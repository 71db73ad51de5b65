#!/bin/bash
# Makes the class data archive: runs every process of the cluster in this one container, has them do what a
# cluster does (batch ingestion, segment load, each kind of query, supervisor and sampler calls), notes which
# classes they loaded, and dumps the union. One archive for all: the processes have most classes in common, and
# containers of one image share its pages.
# $1 the archive to write.
set -euo pipefail

readonly archive=$1 work=/tmp/archive
mkdir -p $work/data $work/datalog

# A build may share the host's network, where the platform's own ports can be in use.
is_free() {
  local port
  for port in $(seq "$1" $(($1 + 7))); do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 1
  done
}
base=21000
until is_free $base; do base=$((base + 10)); done
readonly zookeeper_port=$base derby_port=$((base + 1))
declare -A pids ports=([coordinator]=$((base + 2)) [historical]=$((base + 3)) [broker]=$((base + 4))
  [indexer]=$((base + 5)) [router]=$((base + 6)))
readonly router=http://127.0.0.1:${ports[router]}

start() {
  local process=$1 own=$work/$1
  mkdir -p "$own"
  env TMPDIR="$own" ZOO_DATA_DIR=$work/data ZOO_DATA_LOG_DIR=$work/datalog \
    ZOO_CFG_EXTRA="clientPort=$zookeeper_port clientPortAddress=127.0.0.1" \
    druid_zk_service_host=127.0.0.1:$zookeeper_port \
    druid_host=127.0.0.1 druid_bindOnHost=true druid_plaintextPort="${ports[$process]:-}" \
    druid_metadata_storage_type=derby \
    druid_metadata_storage_connector_host=127.0.0.1 druid_metadata_storage_connector_port=$derby_port \
    druid_metadata_storage_connector_connectURI="jdbc:derby://127.0.0.1:$derby_port/$own/metadata.db;create=true" \
    druid_storage_type=local druid_storage_storageDirectory=$work/segments \
    druid_indexer_logs_type=file druid_indexer_logs_directory=$work/logs \
    druid_segmentCache_locations="[{\"path\":\"$own/cache\",\"maxSize\":\"1g\"}]" \
    druid_worker_baseTaskDirs="[\"$own/task\"]" druid_worker_capacity=2 \
    druid_processing_numThreads=1 druid_processing_numMergeBuffers=2 druid_processing_buffer_sizeBytes=16MiB \
    druid_processing_tmpDir="$own/processing" druid_indexer_queue_startDelay=PT1S \
    druid_coordinator_startDelay=PT1S druid_coordinator_period=PT1S druid_manager_segments_pollDuration=PT1S \
    druid_sql_planner_metadataRefreshPeriod=PT1S druid_server_http_gracefulShutdownTimeout=PT1S \
    JAVA_OPTS="-XX:DumpLoadedClassList=$work/$process.classes" \
    JVMFLAGS="-XX:DumpLoadedClassList=$work/$process.classes" \
    /druid.sh "$process" >"$work/$process.log" 2>&1 &
  pids[$process]=$!
}

# Runs a command until it succeeds. $1 what is waited for, $2 seconds, then the command.
wait_for() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      echo "make_archive: no $what in time; the ends of the logs:" >&2
      tail -n 20 $work/*.log >&2
      exit 1
    fi
    sleep 0.5
  done
}

post() {
  curl -sS -m 60 -H 'Content-Type: application/json' -d "$2" "$router$1"
}

sql() {
  post /druid/v2/sql "{\"query\": \"$1\"}"
}

healthy() {
  [[ $(curl -sf -m 2 "http://127.0.0.1:$1/status/health") == true ]]
}

has_rows() {
  [[ $(sql 'SELECT COUNT(*) AS n FROM sample') == '[{"n":3}]' ]]
}

for process in zookeeper coordinator historical broker indexer router; do start $process; done
for process in "${!ports[@]}"; do wait_for "healthy $process" 240 healthy "${ports[$process]}"; done

rows='{\"t\":1,\"a\":\"x\",\"n\":1}\n{\"t\":2,\"a\":\"y\",\"n\":2.5}\n{\"t\":3,\"a\":\"x\",\"n\":3}'
schema='"timestampSpec":{"column":"t","format":"millis"},
  "dimensionsSpec":{"dimensions":["a",{"type":"double","name":"n"},{"type":"long","name":"k"}]},
  "granularitySpec":{"segmentGranularity":"DAY","queryGranularity":"NONE","rollup":false},
  "transformSpec":{"filter":{"type":"not","field":{"type":"null","column":"a"}}}'
post /druid/indexer/v1/task "{\"type\":\"index_parallel\",\"spec\":{
  \"dataSchema\":{\"dataSource\":\"sample\",$schema},
  \"ioConfig\":{\"type\":\"index_parallel\",\"inputFormat\":{\"type\":\"json\"},
    \"inputSource\":{\"type\":\"inline\",\"data\":\"$rows\"}}}}"
wait_for "segment served" 120 has_rows

for query in \
  "SELECT * FROM sample" \
  "SELECT TIME_FLOOR(__time, 'PT1M') AS m, COUNT(*) FROM sample GROUP BY 1" \
  "SELECT a, SUM(n), COUNT(DISTINCT k) FROM sample WHERE n > 1 GROUP BY a ORDER BY 2 DESC LIMIT 5" \
  "SELECT a, k, MAX(n), APPROX_COUNT_DISTINCT_DS_THETA(a) FROM sample GROUP BY a, k HAVING COUNT(*) > 0" \
  "SELECT a, COUNT(*) FILTER (WHERE k IS NULL) FROM sample WHERE __time >= TIME_PARSE('1970-01-01') GROUP BY a" \
  "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS" \
  "SELECT * FROM sys.segments" "SELECT * FROM sys.servers" "SELECT * FROM sys.tasks" \
  "SELECT * FROM sys.supervisors"; do
  sql "$query" >/dev/null
done
# There is no broker: what counts is that the classes get loaded, whatever the answers are.
supervisor="{\"type\":\"kafka\",\"spec\":{\"dataSchema\":{\"dataSource\":\"stream\",$schema},
  \"ioConfig\":{\"topic\":\"stream\",\"inputFormat\":{\"type\":\"json\"},
    \"consumerProperties\":{\"bootstrap.servers\":\"127.0.0.1:9\"},\"startDelay\":\"PT1S\"},
  \"tuningConfig\":{\"type\":\"kafka\",\"maxSavedParseExceptions\":1}}}"
post /druid/indexer/v1/sampler \
  "{\"type\":\"kafka\",\"spec\":$supervisor,\"samplerConfig\":{\"numRows\":1,\"timeoutMs\":1000}}" >/dev/null || true
post /druid/indexer/v1/supervisor "$supervisor" >/dev/null
curl -sS "$router/druid/indexer/v1/supervisor?state=true" "$router/druid/indexer/v1/tasks" >/dev/null

for process in router broker indexer historical coordinator zookeeper; do kill -TERM "${pids[$process]}"; done
wait
