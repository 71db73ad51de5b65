"""Checks a topic's name and settings before anything is sent to Kafka."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.resources.common.suggest import suggest

NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")

_WHOLE = re.compile(r"-?\d+")
_INTEGER = "a whole number"
_BOOLEAN = "true or false"
_RATIO = "a number from 0 to 1"
_ANY = "text"

# Kafka's topic settings, https://kafka.apache.org/documentation/#topicconfigs
SETTINGS: Mapping[str, str] = {
    "cleanup.policy": "delete, compact or compact,delete",
    "compression.gzip.level": _INTEGER,
    "compression.lz4.level": _INTEGER,
    "compression.type": "uncompressed, zstd, lz4, snappy, gzip or producer",
    "compression.zstd.level": _INTEGER,
    "delete.retention.ms": _INTEGER,
    "file.delete.delay.ms": _INTEGER,
    "flush.messages": _INTEGER,
    "flush.ms": _INTEGER,
    "follower.replication.throttled.replicas": _ANY,
    "index.interval.bytes": _INTEGER,
    "leader.replication.throttled.replicas": _ANY,
    "local.retention.bytes": _INTEGER,
    "local.retention.ms": _INTEGER,
    "max.compaction.lag.ms": _INTEGER,
    "max.decompressed.message.bytes": _INTEGER,
    "max.message.bytes": _INTEGER,
    "message.timestamp.after.max.ms": _INTEGER,
    "message.timestamp.before.max.ms": _INTEGER,
    "message.timestamp.type": "CreateTime or LogAppendTime",
    "min.cleanable.dirty.ratio": _RATIO,
    "min.compaction.lag.ms": _INTEGER,
    "min.insync.replicas": _INTEGER,
    "preallocate": _BOOLEAN,
    "remote.log.copy.disable": _BOOLEAN,
    "remote.log.delete.on.disable": _BOOLEAN,
    "remote.storage.enable": _BOOLEAN,
    "retention.bytes": _INTEGER,
    "retention.ms": _INTEGER,
    "segment.bytes": _INTEGER,
    "segment.index.bytes": _INTEGER,
    "segment.jitter.ms": _INTEGER,
    "segment.ms": _INTEGER,
    "unclean.leader.election.enable": _BOOLEAN,
}


def issues(props: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and problem of each invalid property. Unknown values are skipped."""
    topic = props.get("topic")
    if isinstance(topic, str) and _known(topic) and (not NAME.fullmatch(topic) or topic in (".", "..")):
        yield "topic", f"{topic!r} is not a topic name: 1 to 249 letters, digits, dots, underscores and hyphens"
    for key in ("partitions", "replication_factor"):
        if (number := _number(props.get(key))) is not None and number < 1:
            yield key, f"must be at least 1, got {number}"
    config = props.get("config")
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        if key not in SETTINGS:
            yield (
                f"config.{key}",
                f"is not a setting of a topic; {suggest(key, SETTINGS, most=1, otherwise=len(SETTINGS))}",
            )
        elif isinstance(value, str) and _known(value) and not _fits(SETTINGS[key], value):
            yield f"config.{key}", f"must be {SETTINGS[key]}, got {value!r}"
    yield from _in_sync(props, config)


def shrinks(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
    """The reason to reject the change, if it would remove partitions of a topic."""
    before, after = _number(olds.get("partitions")), _number(news.get("partitions"))
    if olds.get("topic") != news.get("topic") or before is None or after is None or after >= before:
        return None
    return (
        f"Kafka cannot remove partitions: topic {news.get('topic')} has {before}, {after} given. "
        f"Keep {before}, or give the topic a new name, which creates a new one"
    )


def _in_sync(props: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    replicas, wanted = _number(props.get("replication_factor")), config.get("min.insync.replicas")
    if replicas is not None and isinstance(wanted, str) and _WHOLE.fullmatch(wanted) and int(wanted) > replicas:
        yield (
            "config.min.insync.replicas",
            f"is {wanted}, but replication_factor is {replicas}: nothing could be written with acks=all",
        )


def _fits(kind: str, value: str) -> bool:
    if kind == _INTEGER:
        return _WHOLE.fullmatch(value) is not None
    if kind == _BOOLEAN:
        return value in ("true", "false")
    if kind == _RATIO:
        return re.fullmatch(r"0(\.\d+)?|1(\.0+)?", value) is not None
    return kind == _ANY or value in re.split(r", | or ", kind)


def _number(value: Any) -> int | None:
    """An integer, which protobuf passes on as a float; None if unknown."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _known(value: str) -> bool:
    return value != UNKNOWN


UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine passes for a value that is not known yet (pulumi.runtime.rpc.UNKNOWN)."""
