"""The `check` command: what record would this request give?"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from collector.enrich.enricher import Enricher
from collector.event import Event, MalformedEventError
from collector.mapping.compile import load_mapping
from collector.protocol.batch import parse_batch, parse_batch_event
from collector.protocol.beacon import parse_beacon
from collector.protocol.identifier import canonical_identifier
from collector.protocol.json_source import parse_json_event
from collector.protocol.pixel import is_pixel, parse_pixel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from collector.settings import Settings


def check(settings: Settings, target: str | None, headers: Sequence[str], address: str, body: str | None) -> int:
    """Check settings, mapping and databases; with a target, print its records as JSON. The exit status.

    ValueError and OSError name what is wrong. Nothing is sent to Kafka.
    """
    mapping = load_mapping(settings.mapping_file, settings.schema_file)
    enricher = Enricher(settings)
    settings.kafka_config()
    if target is None:
        sys.stdout.write("settings, mapping and databases are good\n")
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
    for parse in _events(settings, target, given, None if body is None else body.encode()):
        try:
            event = parse()
            dropped = enricher.enrich(event, enricher.visitor(address, given))
            result: dict[str, Any] = {"dropped": dropped} if dropped else mapping.record(event)
        except MalformedEventError as error:
            result, status = {"dead_letter": str(error)}, 1
        sys.stdout.write(json.dumps(result, default=repr, ensure_ascii=False, indent=2) + "\n")
    return status


def _events(
    settings: Settings, target: str, headers: Mapping[bytes, bytes], body: bytes | None
) -> Iterator[Callable[[], Event]]:
    path, _, query = target.partition("?")
    now = time.time_ns() // 1_000_000
    cookieless, consent = settings.cookieless, settings.consent_parameter
    if path == settings.event_path and body is None and is_pixel(query.encode()):
        cookies = settings.readable_cookies
        yield lambda: parse_pixel(query.encode(), headers, now, cookies=cookies, consent=consent)
    elif path == settings.event_path and body is None:
        yield lambda: parse_beacon(query.encode(), now, cookieless=cookieless, consent=consent)
    elif path == settings.batch_path and body is not None:
        for given in parse_batch(body):
            yield partial(parse_batch_event, given, now, cookieless=cookieless, consent=consent)
    elif path == settings.json_path and body is not None:
        party = canonical_identifier(parse_qs(query).get(settings.json_party_parameter, [""])[0])
        if party is None:
            message = f"the parameter {settings.json_party_parameter!r} of {target!r} is no party id"
            raise ValueError(message)
        yield lambda: parse_json_event(body, party, now)
    else:
        message = (
            f"{target!r} is no event: give {settings.event_path}?..., "
            f"{settings.batch_path} with --body, or {settings.json_path}?p=... with --body"
        )
        raise ValueError(message)
