#!/bin/bash
# The container registry behind the logins that were handed out and the limits of its tier. Ends when a part does.
docker-registry serve /etc/docker/registry/config.yml &
python3 /usr/local/lib/quota.py &
nginx -g 'daemon off;' &
trap 'kill $(jobs -p)' TERM INT
wait -n
