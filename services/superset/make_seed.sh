#!/bin/bash
# Makes Superset's metadata schema, permissions and roles in a throw-away PostgreSQL and writes them as SQL.
# It holds no account and no secret: the key and passwords used here die with the build stage.
set -euo pipefail
target=$1
bin=/usr/lib/postgresql/$POSTGRES_VERSION/bin
work=$(mktemp -d)
chown postgres "$work"
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; }

as_postgres "$bin/initdb" -D "$work/data" -U superset --auth=trust --encoding=UTF8 --locale=C.UTF-8 >/dev/null
as_postgres "$bin/pg_ctl" -D "$work/data" -l "$work/log" -w -o "-c listen_addresses=127.0.0.1 -c fsync=off -k /tmp" \
    start >/dev/null
"$bin/createdb" -h 127.0.0.1 -U superset superset

head -c 48 /dev/urandom | base64 -w0 >"$work/secret"
export SUPERSET_SECRET_KEY_FILE=$work/secret SUPERSET_DB_PASSWORD_FILE=$work/secret \
    SUPERSET_ADMIN_PASSWORD_FILE=$work/secret SUPERSET_VIEWER_PASSWORD_FILE=$work/secret SUPERSET_DB_HOST=127.0.0.1 SUPERSET_CACHE_DIR=$work/cache \
    SUPERSET_CONFIG_PATH=/app/clickstream_superset/superset_config.py PYTHONPATH=/app
cd /app
/opt/superset/bin/python -c "from clickstream_superset import bootstrap; bootstrap.migrate()"

# --inserts: plain SQL that any client can run. Lines that begin with a backslash are psql's own (\restrict).
"$bin/pg_dump" -h 127.0.0.1 -U superset --no-owner --no-privileges --inserts --rows-per-insert=500 superset |
    grep -v '^\\' >"$target"
as_postgres "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null
rm -rf "$work" /app/clickstream_superset/__pycache__
grep -q 'CREATE TABLE public.ab_permission_view_role' "$target"
[[ $(grep -c '^INSERT INTO public.ab_user ' "$target") == 0 ]]
chmod 0644 "$target"
