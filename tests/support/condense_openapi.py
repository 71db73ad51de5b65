"""Condenses DigitalOcean's OpenAPI description to what the simulator is checked against.

    python -m tests.support.condense_openapi digitalocean.json > tests/fakes/digitalocean/openapi.json

The input is a bundle of https://github.com/digitalocean/openapi with every `$ref` inlined. The output keeps paths,
methods, statuses, types and allowed values, and no prose. Schemas that occur more than once stand in `schemas`.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
JSON_TYPE = "application/json"
PROSE = frozenset({"default", "deprecated", "description", "discriminator", "example", "title"})
SHORTEST_SHARED = 100
"""Characters of JSON from which a repeated schema is worth a name."""


def structure(schema: Any) -> Any:
    """The schema without prose. A property may be called `description`, so the names of properties are left alone."""
    if isinstance(schema, list):
        return [structure(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: structure(item) for name, item in value.items()} if key == "properties" else structure(value)
        for key, value in schema.items()
        if key not in PROSE
    }


def _body(described: dict[str, Any]) -> Any:
    content = described.get("content", {}).get(JSON_TYPE)
    return structure(content["schema"]) if content else None


def operations(item: dict[str, Any]) -> dict[str, Any]:
    """Method to request body and to response bodies by status; None where there is no JSON body."""
    found: dict[str, Any] = {}
    for method in METHODS:
        if operation := item.get(method):
            responses = {status: _body(answer) for status, answer in operation["responses"].items()}
            found[method] = {"request": _body(operation.get("requestBody", {})), "responses": responses}
    return found


def _bodies(operation: dict[str, Any]) -> list[Any]:
    return [operation["request"], *operation["responses"].values()]


def _text(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)


def share(paths: dict[str, Any]) -> dict[str, Any]:
    """Move every repeated schema into `schemas`, the parts of schemas too."""
    times: Counter[str] = Counter()

    def count(schema: Any) -> None:
        if isinstance(schema, dict):
            times[_text(schema)] += 1
        for item in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            count(item)

    bodies = [body for item in paths.values() for operation in item.values() for body in _bodies(operation)]
    count(bodies)
    names: dict[str, str] = {}
    schemas: dict[str, Any] = {}

    def replace(schema: Any, *, inside: bool = True) -> Any:
        if isinstance(schema, list):
            return [replace(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        text = _text(schema)
        if inside and times[text] > 1 and len(text) >= SHORTEST_SHARED:
            if text not in names:
                names[text] = f"s{len(names) + 1}"
                schemas[names[text]] = replace(schema, inside=False)
            return {"$ref": names[text]}
        return {key: replace(value) for key, value in schema.items()}

    condensed = {
        path: {
            method: {
                "request": replace(operation["request"]),
                "responses": {status: replace(body) for status, body in operation["responses"].items()},
            }
            for method, operation in item.items()
        }
        for path, item in paths.items()
    }
    return {"paths": condensed, "schemas": schemas}


def main() -> None:
    """Read the bundle that the command line names; write to standard output."""
    bundle = json.loads(Path(sys.argv[1]).read_text())
    paths = {path: operations(item) for path, item in sorted(bundle["paths"].items())}
    condensed = share(paths)
    # One line for each path and schema: short, and a changed path is one changed line.
    parts = [
        f"{json.dumps(part)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {_text(item)}" for name, item in items.items())
        + "\n}"
        for part, items in condensed.items()
    ]
    sys.stdout.write("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
