"""DigitalOcean's own description of its API: what the simulator's answers are checked against.

tests/fakes/digitalocean/openapi.json is its structure, without prose; tests/support/condense_openapi.py made it from
https://github.com/digitalocean/openapi (commit 7c1300c4, Apache-2.0).
"""

import json
import re
from functools import cache
from typing import Any

from openapi_schema_validator import OAS30Validator

from infra.paths import ROOT

DESCRIPTION = ROOT / "tests" / "fakes" / "digitalocean" / "openapi.json"


class NotAsDescribedError(AssertionError):
    """An answer that DigitalOcean would not give."""


@cache
def _description() -> dict[str, dict[str, Any]]:
    described: dict[str, dict[str, Any]] = json.loads(DESCRIPTION.read_text())
    return described


def _resolve(schema: Any) -> Any:
    """The schema with the shared ones in place of their names."""
    if isinstance(schema, list):
        return [_resolve(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if name := schema.get("$ref"):
        return _resolve(_description()["schemas"][name])
    return {key: _resolve(value) for key, value in schema.items()}


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Fixed paths before those with parameters, as routers match them."""
    paths = _description()["paths"]
    ordered = sorted(paths.items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\\{[^/]*?\\}", "[^/]+", re.escape(path))), item) for path, item in ordered]


@cache
def _validator(method: str, path: str, status: int) -> Any:
    """A jsonschema validator of the answer's body; None if it has none."""
    operations = [item for pattern, item in _paths() if pattern.fullmatch(path)]
    if not operations or method.lower() not in operations[0]:
        message = f"DigitalOcean has no {method} {path}"
        raise NotAsDescribedError(message)
    responses = operations[0][method.lower()]["responses"]
    documented = "default" if str(status) not in responses and status >= 400 else str(status)
    if documented not in responses:
        message = f"{method} {path} answers {status}; DigitalOcean documents {', '.join(responses)}"
        raise NotAsDescribedError(message)
    schema = _resolve(responses[documented])
    return OAS30Validator(schema) if schema else None


def check_answer(method: str, path: str, status: int, body: str) -> None:
    """Raises NotAsDescribedError if DigitalOcean's description does not allow the answer."""
    validator = _validator(method, path, status)
    if validator is None:
        if body:
            message = f"{method} {path} answers {status} with a body; DigitalOcean documents none"
            raise NotAsDescribedError(message)
        return
    content = json.loads(body)
    problems = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(content)]
    if problems:
        message = f"{method} {path} answers {status}, not as described:\n" + "\n".join(problems)
        raise NotAsDescribedError(message)
    # Many schemas of single things allow {}: the root key is what clients read first.
    if status < 300 and not content:
        message = f"{method} {path} answers {status} with an empty object"
        raise NotAsDescribedError(message)
