"""The supervisor spec: what Druid would swallow is refused, and what runs is compared fairly."""

import copy
import json
from typing import Any

import pytest

from infra.resources.druid_spec import avro_fields, dimensions, drift, mistakes
from tests.support.stack_config import ROOT

SPEC: dict[str, Any] = json.loads((ROOT / "druid_specs" / "clickstream.json").read_text())


def changed(path: str, value: Any) -> dict[str, Any]:
    """The committed spec with one value set, or removed if it is None."""
    spec = copy.deepcopy(SPEC)
    *parents, last = path.split(".")
    node = spec
    for part in parents:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return spec


def test_the_committed_spec_has_no_mistake() -> None:
    assert mistakes(SPEC) == []


def test_dimensions_are_exactly_the_fields_of_the_schema() -> None:
    assert {*dimensions(SPEC), "timestamp"} == set(avro_fields()), "a field of the schema is ingested, or is time"


def test_rows_without_a_country_are_filtered() -> None:
    condition = SPEC["spec"]["dataSchema"]["transformSpec"]["filter"]
    assert condition == {"type": "not", "field": {"type": "null", "column": "country"}}


@pytest.mark.parametrize(
    ("path", "value", "property_path", "reason"),
    [
        ("type", "kinesis", "type", "`kafka` is allowed"),
        ("spec.ioConfig.inputFormat", None, "spec.ioConfig.inputFormat", "ingests nothing"),
        ("spec.ioConfig.topic", None, "spec.ioConfig.topic", "Kafka topic"),
        ("spec.ioConfig.useEarliestOffset", False, "spec.ioConfig.useEarliestOffset", "skipped"),
        ("spec.dataSchema.timestampSpec", {"column": "ts"}, "spec.dataSchema.timestampSpec.column", "'ts' given"),
        ("spec.dataSchema.dimensionSpec", {}, "spec.dataSchema.dimensionSpec", "unknown"),
        (
            "spec.dataSchema.dimensionsSpec",
            {"dimensions": ["contry"]},
            "spec.dataSchema.dimensionsSpec.dimensions",
            "`contry` is no field",
        ),
        (
            "spec.dataSchema.dimensionsSpec",
            {"dimensions": ["latitude"]},
            "spec.dataSchema.dimensionsSpec.dimensions",
            "must be double",
        ),
    ],
)
def test_what_druid_would_accept_and_ingest_wrongly_is_refused(
    path: str, value: Any, property_path: str, reason: str
) -> None:
    found = mistakes(changed(path, value))
    assert any(place == property_path and reason in why for place, why in found), found


def test_defaults_that_druid_fills_in_are_no_drift() -> None:
    running = copy.deepcopy(SPEC)
    running["suspended"] = False
    running["spec"]["ioConfig"] |= {"pollTimeout": 100, "taskDuration": "PT3600S"}
    running["spec"]["dataSchema"]["granularitySpec"]["segmentGranularity"] = "DAY"
    assert drift(SPEC, running) == SPEC


def test_a_value_changed_by_hand_is_drift() -> None:
    running = copy.deepcopy(SPEC)
    running["spec"]["ioConfig"]["taskCount"] = 3
    assert drift(SPEC, running)["spec"]["ioConfig"]["taskCount"] == 3


def test_a_dimension_removed_by_hand_is_drift() -> None:
    running = copy.deepcopy(SPEC)
    running["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"].pop()
    assert drift(SPEC, running) != SPEC


def test_a_suspended_supervisor_is_drift() -> None:
    assert drift(SPEC, {**copy.deepcopy(SPEC), "suspended": True})["suspended"] is True
