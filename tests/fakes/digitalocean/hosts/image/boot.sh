#!/bin/bash
# Gives the container what a machine has and a container has read-only, then becomes init.
mount -o remount,rw /sys
mount -o remount,bind,rw /proc/sys
for mounted in /sys/fs/cgroup /sys/fs/cgroup/*; do
  mountpoint -q "$mounted" && mount -o remount,bind,rw "$mounted"
done
exec /sbin/init
