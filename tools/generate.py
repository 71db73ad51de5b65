"""Generates files, and parts of files, from the event schemas, the datasets, the settings or the collector's code.

    python -m tools.generate [--check] [FILE ...]

docs/openapi.json is the description that the collector serves with default settings (`make openapi` writes only that
file). The collector's agents.json comes from maintained lists of user agents (tools/agent_data.py). README.md's table
of settings comes from Pulumi.yaml.

A field in services/schema/*.avsc becomes a dimension in druid_specs/ and a column with label and description in
superset_assets/. A dataset that queries a table copies columns from the table's dataset. docs/metrics.md and the
charts copy the descriptions of metrics. All these files are complete, so that each can be read by itself. Everything
else in them is written by hand. --check writes nothing, and exits with 1 if a file is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from infra.paths import DRUID_SPECS, ROOT, SCHEMAS, SERVICES, SUPERSET_ASSETS
from infra.resources.druid.spec import DRUID_TYPES, primitive
from infra.resources.superset.bundle import to_yaml
from infra.resources.superset.normal_form import normalise
from tools.agent_data import AGENTS, agents
from tools.definitions import with_definitions, with_description, with_metrics_of
from tools.settings_table import with_settings

COLUMN_TYPES: Final = {"string": "VARCHAR", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE"}
"""From Druid's dimension types to the types that Superset shows."""

OPENAPI: Final = ROOT / "docs" / "openapi.json"
README: Final = ROOT / "README.md"
METRICS: Final = ROOT / "docs" / "metrics.md"

DATASETS: Final = SUPERSET_ASSETS / "datasets" / "druid"
CHARTS: Final = SUPERSET_ASSETS / "charts"

DIMENSIONS: Final = re.compile(r'(\n( *)"dimensions": \[\n).*?(\n\2\])', re.DOTALL)


class Table(NamedTuple):
    """A Druid table and the schema of its records."""

    schema: str
    name: str


TABLES: Final = (Table("clickstream.avsc", "clickstream"), Table("dead_letter.avsc", "dead_letters"))


def generated() -> dict[Path, str]:
    """From files to their expected content."""
    texts = {OPENAPI: openapi(), AGENTS: agents()}
    datasets = {file.stem: yaml.safe_load(file.read_text()) for file in sorted(DATASETS.glob("*.yaml"))}
    for table in TABLES:
        fields: list[dict[str, Any]] = json.loads((SCHEMAS / table.schema).read_text())["fields"]
        spec = DRUID_SPECS / f"{table.name}.json"
        texts[spec] = with_dimensions(spec.read_text(), fields)
        dataset = with_columns(datasets[table.name], fields)
        texts |= _dataset_file(table.name, dataset)
        for name, query in datasets.items():
            if re.search(rf"\bFROM {table.name}\b", query.get("sql") or ""):
                datasets[name] = with_metrics_of(dataset, with_columns_of(dataset, fields, query))
                texts |= _dataset_file(name, datasets[name])
        datasets[table.name] = dataset
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    texts[README] = with_settings(README.read_text(), declared)
    texts[METRICS] = with_definitions(METRICS.read_text(), datasets)
    for file in sorted(CHARTS.glob("*.yaml")):
        chart = with_description(yaml.safe_load(file.read_text()), datasets)
        texts[file] = to_yaml(normalise(f"charts/{file.name}", chart))
    return texts


def openapi() -> str:
    """The collector's OpenAPI description, for default settings and with the tracker."""
    sys.path[:0] = [str(SERVICES / name) for name in ("collector", "common") if str(SERVICES / name) not in sys.path]
    from collector.openapi import description  # noqa: PLC0415 - importable only now
    from collector.settings import Settings  # noqa: PLC0415

    # Ignore the environment, which may contain another collector's settings.
    return json.dumps(description(Settings.model_construct(), with_script=True), indent=2) + "\n"


def _dataset_file(name: str, dataset: dict[str, Any]) -> dict[Path, str]:
    return {DATASETS / f"{name}.yaml": to_yaml(normalise(f"datasets/druid/{name}.yaml", dataset))}


def with_dimensions(spec: str, fields: list[dict[str, Any]]) -> str:
    """A supervisor spec's text with a dimension for each field except the timestamp, which Druid stores as __time.

    ValueError: the spec has no list of dimensions on lines of its own.
    """
    time = json.loads(spec)["spec"]["dataSchema"]["timestampSpec"]["column"]
    listed = [
        {"type": DRUID_TYPES[primitive(field)], "name": field["name"]} for field in fields if field["name"] != time
    ]
    found = DIMENSIONS.search(spec)
    if found is None:
        message = 'no `"dimensions": [` on a line of its own, with the closing bracket below it'
        raise ValueError(message)
    indent = f"{found[2]}  "
    lines = ",\n".join(f"{indent}{json.dumps(item)}" for item in listed)
    return f"{spec[: found.start()]}{found[1]}{lines}{found[3]}{spec[found.end() :]}"


def with_columns(dataset: dict[str, Any], fields: list[dict[str, Any]]) -> dict[str, Any]:
    """The dataset with a column for each field. Keeps expressions that replace field values, and calculated columns."""
    given: dict[str, dict[str, Any]] = {column["column_name"]: column for column in dataset["columns"]}
    made = [_column(field) for field in fields]
    columns = [
        {**column, **({"expression": kept} if (kept := given.get(name, {}).get("expression")) else {})}
        for column in made
        for name in [column["column_name"]]
    ]
    names = {column["column_name"] for column in columns}
    calculated = [column for name, column in given.items() if name not in names and column.get("expression")]
    return {**dataset, "columns": [*columns, *calculated]}


def with_columns_of(table: dict[str, Any], fields: list[dict[str, Any]], query: dict[str, Any]) -> dict[str, Any]:
    """A query's dataset. Fields and calculated columns get the definitions from the table's dataset.

    Other columns get their values from the query, even if the table has a calculated column with the same name.
    """
    defined = {column["column_name"]: column for column in table["columns"]}
    names = {"__time", *(field["name"] for field in fields)}
    columns = [
        defined.get(name, column) if name in names or "expression" in column else column
        for column in query["columns"]
        for name in [column["column_name"]]
    ]
    return {**query, "columns": columns}


def _column(field: dict[str, Any]) -> dict[str, Any]:
    is_time = field["name"] == "timestamp"
    column = {
        "column_name": "__time" if is_time else field["name"],
        "verbose_name": field["label"],
        "type": "TIMESTAMP" if is_time else COLUMN_TYPES[DRUID_TYPES[primitive(field)]],
    }
    if is_time:
        column["is_dttm"] = True
    if field.get("doc"):
        column["description"] = field["doc"]
    if field.get("groupby") is False:
        column["groupby"] = False
    return column


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is out of date")
    parser.add_argument("file", nargs="*", type=Path, help="only these files; otherwise all of them")
    options = parser.parse_args()
    check, only = options.check, {file.resolve() for file in options.file}
    texts = {file: text for file, text in generated().items() if not only or file in only}
    stale = {file: text for file, text in texts.items() if not file.exists() or file.read_text() != text}
    for file, text in stale.items():
        print(f"{'out of date' if check else 'written'}: {file.relative_to(ROOT)}")
        if not check:
            file.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
