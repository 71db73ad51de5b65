"""Configuration as the engine hands it to the program: Pulumi.yaml's defaults with a stack's values on top."""

import json
from typing import Any

import yaml

from infra.paths import ROOT


def _text(value: Any) -> str:
    if isinstance(value, bool | list):
        return json.dumps(value)
    return str(value)


def committed_config(stack: str) -> dict[str, Any]:
    """What Pulumi.<stack>.yaml sets in the project's namespace, key (without namespace) to value."""
    committed = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    own = "clickstream:"
    return {key.removeprefix(own): value for key, value in committed.items() if key.startswith(own)}


def raw_config(stack: str | None = None, **changes: Any) -> dict[str, str | None]:
    """Key (without namespace) to text; `stack` names a committed Pulumi.<stack>.yaml."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    values: dict[str, str | None] = {key: _text(entry["default"]) for key, entry in declared.items()}
    if stack:
        values |= {key: _text(value) for key, value in committed_config(stack).items()}
    return values | {key: _text(value) for key, value in changes.items()}
