"""DigitalOcean's own description of its API, which lies beside the checkout and not in it."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator

from tests.support.stack_config import ROOT

DESCRIPTION = Path(os.environ.get("DIGITALOCEAN_OPENAPI") or ROOT.parent / "shared" / "openapi" / "digitalocean.json")
ABSENT = (
    f"{DESCRIPTION} is missing, so the simulator's answers can not be checked against DigitalOcean's own description. "
    "It is a bundle of https://github.com/digitalocean/openapi with every $ref inlined; put it there, "
    "or name another place in DIGITALOCEAN_OPENAPI."
)


class NotAsDescribedError(AssertionError):
    """An answer that DigitalOcean would not give."""


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Fixed paths before those with parameters, as routers match them."""
    paths: dict[str, dict[str, Any]] = json.loads(DESCRIPTION.read_text())["paths"]
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
    documented = responses.get(str(status)) or (responses.get("default") if status >= 400 else None)
    if documented is None:
        message = f"{method} {path} answers {status}; DigitalOcean documents {', '.join(responses)}"
        raise NotAsDescribedError(message)
    content = documented.get("content", {}).get("application/json")
    return OAS30Validator(content["schema"]) if content else None


def require_description() -> None:
    """Skips the test, saying what is missing, where the description is not there."""
    if not DESCRIPTION.exists():
        pytest.skip(ABSENT)


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
