"""What is generated from the schemas is up to date, and a new field arrives everywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from infra.paths import DRUID_SPECS, ROOT, SCHEMAS, SUPERSET_ASSETS
from tools.generate import generated, with_columns, with_dimensions

NEW: dict[str, Any] = {
    "name": "plan", "label": "Plan", "type": ["null", "int"], "default": None, "doc": "Paid plan.", "groupby": False,
}  # fmt: skip


@pytest.fixture
def fields() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((SCHEMAS / "clickstream.avsc").read_text())["fields"]
    return found


def test_the_committed_files_are_up_to_date() -> None:
    stale = [str(file.relative_to(ROOT)) for file, text in generated().items() if file.read_text() != text]
    assert stale == [], "run `make generate`"


def test_a_new_field_becomes_a_dimension_and_nothing_else_changes(fields: list[dict[str, Any]]) -> None:
    before = (DRUID_SPECS / "clickstream.json").read_text()
    after = with_dimensions(before, [*fields, NEW])
    added = [line for line in after.splitlines() if line not in before.splitlines()]
    assert json.loads(added[-1]) == {"type": "long", "name": "plan"}
    without = json.loads(after)
    del without["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"][-1]
    assert without == json.loads(before)


def test_a_new_field_becomes_a_column_with_label_and_description(fields: list[dict[str, Any]]) -> None:
    dataset = yaml.safe_load((SUPERSET_ASSETS / "datasets" / "druid" / "clickstream.yaml").read_text())
    columns = {column["column_name"]: column for column in with_columns(dataset, [*fields, NEW])["columns"]}
    assert columns.pop("plan") == {
        "column_name": "plan", "verbose_name": "Plan", "type": "BIGINT", "description": "Paid plan.", "groupby": False,
    }  # fmt: skip
    assert columns.keys() == {column["column_name"] for column in dataset["columns"]}


def test_a_field_that_is_gone_takes_its_column_along_and_calculated_columns_stay(fields: list[dict[str, Any]]) -> None:
    dataset = yaml.safe_load((SUPERSET_ASSETS / "datasets" / "druid" / "clickstream.yaml").read_text())
    kept = [field for field in fields if field["name"] != "os_name"]
    names = {column["column_name"] for column in with_columns(dataset, kept)["columns"]}
    assert {column["column_name"] for column in dataset["columns"]} - names == {"os_name"}
    assert {"channel", "weekday"} < names


def test_a_spec_without_a_list_of_dimensions_is_refused(fields: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="dimensions"):
        with_dimensions('{"spec": {"dataSchema": {"timestampSpec": {"column": "timestamp"}}}}', fields)
