# mypy: ignore-errors
# pyright: reportMissingImports=false
"""Prints what Superset's import accepts, as a JSON Schema: its marshmallow schemas, by the folder of the assets."""

import json
from importlib import import_module
from typing import Any

from marshmallow import Schema, fields

ASSETS = {
    "charts": "superset.charts.schemas.ImportV1ChartSchema",
    "dashboards": "superset.dashboards.schemas.ImportV1DashboardSchema",
    "databases": "superset.databases.schemas.ImportV1DatabaseSchema",
    "datasets": "superset.datasets.schemas.ImportV1DatasetSchema",
}
TYPES: dict[type[fields.Field], dict[str, Any]] = {
    fields.UUID: {"type": "string", "format": "uuid"},
    fields.String: {"type": "string"},
    fields.Boolean: {"type": "boolean"},
    fields.Integer: {"type": "integer"},
    fields.Float: {"type": "number"},
    fields.Mapping: {"type": "object"},
}


def main() -> None:
    """The schemas can only be imported within an application."""
    from superset.app import create_app  # noqa: PLC0415 - it reads the configuration

    with create_app().app_context():
        definitions = {}
        for name, path in ASSETS.items():
            module, _, schema = path.rpartition(".")
            definitions[name] = described(getattr(import_module(module), schema)())
    print(json.dumps({"$defs": definitions}))


def described(schema: Schema) -> dict[str, Any]:
    """An object; marshmallow refuses keys that it does not know."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: field(each) for name, each in schema.fields.items()},
        "required": sorted(name for name, each in schema.fields.items() if each.required),
    }


def field(given: fields.Field) -> dict[str, Any]:
    """A nested schema that is named by a function contains itself; it is not looked into."""
    if isinstance(given, fields.Nested):
        nested = described(given.schema) if isinstance(given.nested, type) else {"type": "object"}
        return {"type": "array", "items": nested} if given.many else nested
    if isinstance(given, fields.List):
        return {"type": "array", "items": field(given.inner)}
    if isinstance(given, fields.Enum):
        return {"type": "string", "enum": [each.value if given.by_value else each.name for each in given.enum]}
    return next((schema for kind, schema in TYPES.items() if isinstance(given, kind)), {})


if __name__ == "__main__":
    main()
