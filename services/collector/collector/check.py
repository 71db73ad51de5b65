"""The `check` command: shows the record that a request would give."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.enrich.enricher import Enricher
from collector.enrich.write_keys import WriteKeys
from collector.mapping.compile import load_mapping
from collector.model.event import MalformedEventError
from collector.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.settings import Settings


def check(settings: Settings, target: str | None, headers: Sequence[str], address: str, body: str | None) -> int:
    """Check settings, mapping and databases; with a target, print its records as JSON. The exit status.

    ValueError and OSError name what is wrong. Nothing is sent to Kafka.
    """
    mapping = load_mapping(settings.mapping_file, settings.schema_file)
    enricher = Enricher(settings)
    settings.kafka_config()
    WriteKeys.of(settings)
    if target is None:
        sys.stdout.write("settings, mapping and databases are valid\n")
        return 0
    given: dict[bytes, bytes] = {}
    for header in headers:
        name, separator, value = header.partition(":")
        if not separator:
            message = f"--header {header!r}: expected 'Name: value'"
            raise ValueError(message)
        given[name.strip().lower().encode()] = value.strip().encode()
    if body is not None and body.startswith("@"):
        body = Path(body[1:]).read_text(encoding="utf-8")
    status = 0
    path, _, query = target.partition("?")
    sources = Sources(settings)
    source = sources.source_of(path, query.encode(), b"GET" if body is None else b"POST")
    if source is None:
        message = (
            f"{target!r} is not an event: give {settings.event_path}?..., "
            f"{settings.batch_path} with --body, or {settings.json_path}?p=... with --body"
        )
        raise ValueError(message)
    now = time.time_ns() // 1_000_000
    for parse in sources.events(source, query.encode(), given, (body or "").encode(), now):
        try:
            event, behalf = parse()
            # A dry run: the visitor's address in the body counts as it would with the right write key.
            dropped = enricher.enrich(event, enricher.visitor_of(behalf, address, given, address_trusted=True))
            result: dict[str, Any] = {"dropped": dropped} if dropped else mapping.record(event)
        except MalformedEventError as error:
            result, status = {"dead_letter": str(error)}, 1
        sys.stdout.write(json.dumps(result, default=repr, ensure_ascii=False, indent=2) + "\n")
    return status
