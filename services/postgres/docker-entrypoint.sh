#!/bin/bash
# Starts PostgreSQL, and makes its cluster at the first start.
#
#   POSTGRES_PASSWORD_FILE  file that holds the role's password (required)
#   POSTGRES_USER           role, a superuser; default postgres
#   POSTGRES_DB             database; default: the role's name
#   PGDATA                  data directory; default /var/lib/postgresql/data
#
# Arguments go to the server: "-c work_mem=8MB".
set -euo pipefail

die() {
    echo "postgres: $*" >&2
    exit 64
}

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
for name in "$user" "$database"; do
    [[ $name =~ ^[a-z_][a-z0-9_]{0,62}$ ]] ||
        die "'$name' is not a usable name for POSTGRES_USER or POSTGRES_DB: use lower-case letters, digits and _"
done
[[ -n ${POSTGRES_PASSWORD_FILE:-} ]] || die "POSTGRES_PASSWORD_FILE is not set: name the file that holds the password"
[[ -r $POSTGRES_PASSWORD_FILE ]] || die "POSTGRES_PASSWORD_FILE: cannot read $POSTGRES_PASSWORD_FILE"
password=$(<"$POSTGRES_PASSWORD_FILE")
[[ -n $password ]] || die "POSTGRES_PASSWORD_FILE: $POSTGRES_PASSWORD_FILE is empty"
[[ $password != *$'\n'* ]] || die "POSTGRES_PASSWORD_FILE: $POSTGRES_PASSWORD_FILE has more than one line"
[[ -w $PGDATA ]] || die "PGDATA: $PGDATA is not writable by $(id -un) (uid $(id -u)): check the volume's owner"

# One statement, on standard input so that a password is never on a command line. The single-user backend exits 0
# when a statement fails, hence the look for ERROR.
single() {
    local output
    output=$(postgres --single -D "$1" -c log_min_messages=fatal "$2" 2>&1) || die "single-user mode failed: $output"
    [[ $output != *ERROR:* ]] || die "single-user mode: ${output##*ERROR:}"
}

initialise() {
    # Made beside its final place and moved in, PG_VERSION last: a first start that is cut off is simply done again.
    local new=$PGDATA/.initialising
    if [[ -d $new ]]; then
        echo "postgres: an earlier first start did not finish; starting over"
        find "$PGDATA" -mindepth 1 -delete
    fi
    [[ -z $(ls -A "$PGDATA") ]] || die "PGDATA: $PGDATA holds files but no database cluster: empty it or use another"
    mkdir -m 0700 "$new"
    echo "postgres: creating the cluster (role $user, database $database)"
    initdb --pgdata="$new" --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 --data-checksums --no-instructions >/dev/null
    echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
    if [[ $database != postgres ]]; then
        single "$new" postgres <<<"CREATE DATABASE \"$database\" OWNER \"$user\";"
    fi
    find "$new" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
    mv "$new/PG_VERSION" "$PGDATA/PG_VERSION"
    rmdir "$new"
}

if [[ -s $PGDATA/PG_VERSION ]]; then
    version=$(<"$PGDATA/PG_VERSION")
    [[ $version == 15 ]] || die "PGDATA: $PGDATA was made by PostgreSQL $version, this is 15: upgrade it with pg_upgrade"
    # A pid file is left behind by a killed container; nothing else can run in this one yet.
    rm -f "$PGDATA/postmaster.pid"
    # The secret may have been changed since: the role's password is what the file says.
    single "$PGDATA" postgres <<<"ALTER ROLE \"$user\" PASSWORD '${password//\'/\'\'}';"
else
    initialise
fi
chmod 0700 "$PGDATA"
unset password

# Sized for Superset's metadata (about 11 MB): the caches of a large server would only cost memory here.
exec postgres -D "$PGDATA" \
    -c listen_addresses='*' \
    -c password_encryption=scram-sha-256 \
    -c max_connections=40 \
    -c shared_buffers=32MB \
    -c work_mem=4MB \
    -c maintenance_work_mem=32MB \
    -c max_wal_size=128MB \
    -c max_parallel_workers=0 \
    -c autovacuum_max_workers=1 \
    -c jit=off \
    "$@"
