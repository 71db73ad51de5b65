# Functions of the entry point; pure but for what they read, so that they can be tested without an image.
# shellcheck shell=bash

# Prints the image's properties for a process, or those of the file that the environment names instead.
# $1 process, $2 common or service. Reads $home.
read_properties() {
  local name=DRUID_CONFIG_${1} file=$home/conf/$1.properties
  if [[ $2 == common ]]; then
    name=DRUID_CONFIG_COMMON file=$home/conf/common.runtime.properties
  fi
  file=${!name:-$file}
  if [[ ! -f $file ]]; then
    echo "druid: no properties for '$1' at $file; a process is coordinator, overlord, broker, historical," \
      "indexer, middleManager, router or zookeeper" >&2
    return 1
  fi
  cat "$file"
  echo
}

# Prints druid_* of the environment as properties. Java takes the last of two equal keys, so these win over what
# was printed before. A value arrives as it was given: backslashes and line ends are escaped.
environment_properties() {
  local entry name value
  if [[ -n ${ZOOKEEPER:-} ]]; then
    echo "druid.zk.service.host=$ZOOKEEPER"
  fi
  while IFS= read -r -d '' entry; do
    name=${entry%%=*} value=${entry#*=}
    [[ $name == druid_* ]] || continue
    value=${value//\\/\\\\}
    value=${value//$'\n'/\\n}
    echo "${name//_/.}=$value"
  done < <(env -0)
}

# Prints the druid.host property unless the environment has it: the address that other processes can reach.
# A swarm's container has an address for every network, so it is the one that the way to ZooKeeper starts from.
host_property() {
  if [[ -n ${druid_host:-} || ${DRUID_SET_HOST:-1} != 1 ]]; then
    return 0
  fi
  local zookeeper=${druid_zk_service_host:-${ZOOKEEPER:-localhost}} port=2181 address deadline=$((SECONDS + 60))
  zookeeper=${zookeeper%%,*}
  if [[ $zookeeper == *:* ]]; then
    port=${zookeeper##*:} zookeeper=${zookeeper%:*}
  fi
  until address=$(local_address_towards "$zookeeper" "$port"); do
    if ((SECONDS >= deadline)); then
      echo "druid: could not connect to ZooKeeper at $zookeeper:$port to find out which address is ours;" \
        "set druid_zk_service_host, or druid_host to skip this" >&2
      return 1
    fi
    sleep 1
  done
  echo "druid.host=$address"
}

# Prints the IPv4 address that a TCP connection to host $1, port $2 leaves from; fails if there is none.
local_address_towards() {
  local socket line
  exec 3<>"/dev/tcp/$1/$2" || return 1
  socket=$(readlink /proc/self/fd/3)
  line=$(awk -v inode="${socket//[^0-9]/}" '$10 == inode { print $2 }' /proc/net/tcp)
  exec 3>&-
  hex_address "${line%:*}"
}

# Prints 127.0.0.1 for 0100007F, the little-endian form of /proc/net/tcp.
hex_address() {
  [[ $1 =~ ^[0-9A-F]{8}$ ]] || return 1
  printf '%d.%d.%d.%d\n' "0x${1:6:2}" "0x${1:4:2}" "0x${1:2:2}" "0x${1:0:2}"
}

# Sets the array `jvm`: the options of process $1. Later ones win in the JVM, so the environment's come last.
# The sizes are for a small machine: up to some hundred thousand rows in real time.
jvm_options() {
  local -A xms=([coordinator]=160m [overlord]=96m [broker]=128m [historical]=96m [indexer]=192m [middleManager]=64m [router]=64m)
  local -A xmx=([coordinator]=256m [overlord]=192m [broker]=192m [historical]=160m [indexer]=384m [middleManager]=96m [router]=96m)
  local -A direct=([coordinator]=64m [overlord]=64m [broker]=96m [historical]=96m [indexer]=128m [middleManager]=64m [router]=64m)
  local -a given
  read -ra given <<<"${JAVA_OPTS:-}"
  jvm=(
    -server -XX:ReservedCodeCacheSize=96m -XX:+ExitOnOutOfMemoryError
    "-XX:SharedArchiveFile=$home/druid.jsa"
    # The JVM would move the archive to a random address and so have a patched copy of it in every process.
    -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0
    -Duser.timezone=UTC -Dfile.encoding=UTF-8 "-Djava.io.tmpdir=$home/var/tmp"
    -Djava.util.logging.manager=org.apache.logging.log4j.jul.LogManager
    "-Dderby.system.home=$home/var/derby" "-Dderby.stream.error.file=$home/var/tmp/derby.log"
    "-Xms${DRUID_XMS:-${xms[$1]}}" "-Xmx${DRUID_XMX:-${xmx[$1]}}"
    "-XX:MaxDirectMemorySize=${DRUID_MAXDIRECTMEMORYSIZE:-${direct[$1]}}"
  )
  # The quick compiler starts a process sooner, but code that goes over rows runs twice as fast from the thorough one.
  [[ $1 =~ ^(broker|historical|indexer)$ ]] || jvm+=(-XX:TieredStopAtLevel=1)
  # The JVM refuses two collectors.
  [[ ${JAVA_OPTS:-} =~ -XX:\+Use[A-Za-z0-9]*GC ]] || jvm+=(-XX:+UseSerialGC)
  [[ -z ${DRUID_NEWSIZE:-} ]] || jvm+=("-XX:NewSize=$DRUID_NEWSIZE")
  [[ -z ${DRUID_MAXNEWSIZE:-} ]] || jvm+=("-XX:MaxNewSize=$DRUID_MAXNEWSIZE")
  jvm+=("${given[@]}")
}
