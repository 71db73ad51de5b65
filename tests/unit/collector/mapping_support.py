"""A mapping of one field, and an event for it."""

from __future__ import annotations

import tomllib
from typing import Any

from collector.mapping.compile import compile_mapping
from collector.model.event import Event


def schema(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "Test", "fields": list(fields)}


def value_of(declared: str, event: Event, avro_type: object = None) -> object:
    """What a field gets that is mapped as the TOML text says."""
    document = tomllib.loads(f"[fields]\nx = {declared}")
    field = {"name": "x", "type": avro_type or ["null", "string"], "default": None}
    return compile_mapping(document, schema(field)).record(event)["x"]


def event_with(**attributes: Any) -> Event:
    event = Event("browser", 1_770_000_000_000)
    event.event_id = "e"
    for name, value in attributes.items():
        setattr(event, name, value)
    return event
