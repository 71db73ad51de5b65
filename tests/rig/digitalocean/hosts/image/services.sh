#!/bin/bash
# The container registry behind the logins that were handed out. Ends when one of both does.
docker-registry serve /etc/docker/registry/config.yml &
nginx -g 'daemon off;' &
trap 'kill $(jobs -p)' TERM INT
wait -n
