"""What Kafka takes as a topic's name and settings: checked before anything is sent."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.resources.common.json_schema import JsonSchema
from infra.resources.common.suggest import suggest

NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")

_WHOLE = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")

SCHEMA = JsonSchema(Path(__file__).parent / "schema.json")
SETTINGS: Mapping[str, Any] = SCHEMA.definitions["topic"]["properties"]
"""Kafka's topic settings; `make schemas` reads them from Kafka's own LogConfig."""


def issues(props: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each property at fault, as a path, and what is wrong with it. Values not known yet are passed over."""
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
        elif isinstance(value, str) and _known(value):
            for mistake in SCHEMA.mistakes(_read(value, SETTINGS[key]["type"]), SETTINGS[key])[:1]:
                allowed = f"{'a list of ' if mistake.keys else ''}{', '.join(mistake.allowed)}"
                yield f"config.{key}", f"must be {allowed}, got {value!r}{mistake.near}"
    yield from _in_sync(props, config)


def shrinks(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
    """Why the partitions can't go down, if they would for the same topic."""
    before, after = _number(olds.get("partitions")), _number(news.get("partitions"))
    if olds.get("topic") != news.get("topic") or before is None or after is None or after >= before:
        return None
    return (
        f"Kafka cannot remove partitions: topic {news.get('topic')} has {before}, {after} asked for. "
        f"Keep {before}, or give the topic another name to get a new one"
    )


def _in_sync(props: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    replicas, wanted = _number(props.get("replication_factor")), config.get("min.insync.replicas")
    if replicas is not None and isinstance(wanted, str) and _WHOLE.fullmatch(wanted) and int(wanted) > replicas:
        yield (
            "config.min.insync.replicas",
            f"is {wanted}, but replication_factor is {replicas}: nothing could ever be written with acks=all",
        )


def _read(value: str, kind: str) -> Any:
    """The value as Kafka reads it, or the text where it cannot."""
    match kind:
        case "array":
            return value.split(",")
        case "boolean":
            return {"true": True, "false": False}.get(value, value)
        case "integer":
            return int(value) if _WHOLE.fullmatch(value) else value
        case "number":
            return float(value) if _DECIMAL.fullmatch(value) else value
        case _:
            return value


def _number(value: Any) -> int | None:
    """A whole number, whether it came over as one or, through protobuf, as a float; None if unknown."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _known(value: str) -> bool:
    return value != UNKNOWN


UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine puts for a value that another resource has still to give (pulumi.runtime.rpc.UNKNOWN)."""
