#!/bin/bash
# The ZooKeeper that comes with Druid's libraries, as PID 1, with the environment and the directories of the
# official zookeeper image: ZOO_* settings, ZOO_MY_ID and ZOO_SERVERS for an ensemble, ZOO_CFG_EXTRA for more
# lines, ZK_SERVER_HEAP in MB, JVMFLAGS; /data and /datalog are volumes.
set -euo pipefail

readonly home=/opt/druid
readonly data=${ZOO_DATA_DIR:-/data}
readonly conf=${TMPDIR:-/tmp}/conf

install -d -m 700 "$conf"
{
  echo "dataDir=$data"
  echo "dataLogDir=${ZOO_DATA_LOG_DIR:-/datalog}"
  echo "clientPort=2181"
  echo "tickTime=${ZOO_TICK_TIME:-2000}"
  echo "initLimit=${ZOO_INIT_LIMIT:-5}"
  echo "syncLimit=${ZOO_SYNC_LIMIT:-2}"
  echo "autopurge.snapRetainCount=${ZOO_AUTOPURGE_SNAPRETAINCOUNT:-3}"
  echo "autopurge.purgeInterval=${ZOO_AUTOPURGE_PURGEINTERVAL:-1}"
  echo "maxClientCnxns=${ZOO_MAX_CLIENT_CNXNS:-60}"
  echo "standaloneEnabled=${ZOO_STANDALONE_ENABLED:-true}"
  echo "admin.enableServer=${ZOO_ADMINSERVER_ENABLED:-false}"
  echo "4lw.commands.whitelist=${ZOO_4LW_COMMANDS_WHITELIST:-srvr, ruok}"
  # Lists of words, so unquoted.
  printf '%s\n' ${ZOO_SERVERS:-} ${ZOO_CFG_EXTRA:-}
} >"$conf/zoo.cfg"
[[ -f $data/myid ]] || echo "${ZOO_MY_ID:-1}" >"$data/myid"

read -ra given <<<"${JVMFLAGS:-} ${SERVER_JVMFLAGS:-}"
exec java "-Xms32m" "-Xmx${ZK_SERVER_HEAP:-64}m" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  -XX:ReservedCodeCacheSize=32m -XX:+ExitOnOutOfMemoryError "-XX:SharedArchiveFile=$home/druid.jsa" \
  -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0 \
  "-Dlog4j.configurationFile=$home/conf/log4j2.xml" "${given[@]}" "@$home/classpath.args" \
  org.apache.zookeeper.server.quorum.QuorumPeerMain "$conf/zoo.cfg"
