"""Finds the rules in a supervisor spec by which Druid drops events without an error."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_REJECTED = {
    "lateMessageRejectionStartDateTime": "events before {} are rejected",
    "lateMessageRejectionPeriod": "events older than {} when their task starts are rejected",
    "earlyMessageRejectionPeriod": "events more than {} after the end of their task are rejected",
}


def drop_rules(spec: Mapping[str, Any]) -> Iterator[str]:
    """A line for each rule in a spec that Druid returned. Druid counts the dropped events as filtered."""
    given = spec["spec"]
    data, source, tuning = given["dataSchema"], given["ioConfig"], given.get("tuningConfig") or {}
    if condition := (data.get("transformSpec") or {}).get("filter"):
        yield f"spec.dataSchema.transformSpec.filter: only events that match {json.dumps(condition)} are kept"
    if intervals := (data.get("granularitySpec") or {}).get("intervals"):
        yield f"spec.dataSchema.granularitySpec.intervals: events outside {', '.join(intervals)} are rejected"
    for key, meaning in _REJECTED.items():
        if value := source.get(key):
            yield f"spec.ioConfig.{key}: {meaning.format(value)}"
    most = tuning.get("maxParseExceptions")
    if most is not None and most < 2**31 - 1:
        yield f"spec.tuningConfig.maxParseExceptions: a task fails after {most} unparseable records and starts over"
