"""A dry run of a supervisor spec with Druid's sampler, on real events or on one generated from the schema."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.resources.druid.client import DruidClient, DruidError
from infra.resources.druid.model_issues import ValidationIssue
from infra.resources.druid.spec import dimensions

MOMENT = 1_700_000_000_000
_VALUES: Mapping[str, Any] = {
    "boolean": True,
    "int": 7,
    "long": MOMENT,
    "float": 0.5,
    "double": 0.5,
    "string": "a",
}


def sample_event(schema: Mapping[str, str]) -> dict[str, Any]:
    """An event with every field of the schema set."""
    return {name: _VALUES[kind] for name, kind in schema.items()}


def sampler(spec: Mapping[str, Any], events: Sequence[str]) -> dict[str, Any]:
    """The request to read the events, each a JSON text, as the spec would ingest them.

    It contains the events instead of naming the topic: a topic that does not exist yet is not an error in the spec.
    """
    given = spec["spec"]
    written = given["ioConfig"]["inputFormat"]
    part = {
        "dataSchema": given["dataSchema"],
        "ioConfig": {
            "type": "index",
            "inputSource": {"type": "inline", "data": "\n".join(events)},
            "inputFormat": written.get("valueFormat", written),
        },
        "tuningConfig": {"type": "index"},
    }
    rows = {"numRows": max(1, len(events)), "timeoutMs": 5000}
    return {"type": "index", "spec": part, "samplerConfig": rows}


def dry_run(druid: DruidClient, spec: Mapping[str, Any], schema: Mapping[str, str]) -> list[ValidationIssue]:
    """Errors that only Druid can find: broken expressions, unparseable events, and columns without a value.

    Raises:
        DruidError: Druid itself failed, so nothing is known about the spec.
    """
    event = sample_event(schema)
    try:
        answer = druid.sample(sampler(spec, [json.dumps(event)]))
    except DruidError as error:
        if error.status == 400:
            return [("spec", f"Druid's sampler refuses it: {error}")]
        raise
    return list(_read(answer.get("data", []), spec))


def _read(rows: Sequence[Mapping[str, Any]], spec: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    """An empty result is not an error: a filter may drop the generated event."""
    for row in rows:
        if row.get("unparseable") or row.get("error"):
            yield "spec", f"an event with every field set is unparseable: {row.get('error')}"
            continue
        parsed = row.get("parsed") or {}
        missing = [name for name in dimensions(spec) if parsed.get(name) is None]
        if missing:
            reason = f"no value in {', '.join(missing)} of an event that has every field set"
            yield "spec.dataSchema.dimensionsSpec.dimensions", reason
