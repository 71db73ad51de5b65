"""Reads a stack's settings without Pulumi: Pulumi.yaml's defaults, overridden by the stack's values."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from infra.config.types import PROJECT
from infra.paths import ROOT

NAMESPACE = f"{PROJECT}:"


def stack_file(stack: str) -> dict[str, Any]:
    """Return the contents of Pulumi.<stack>.yaml; empty if there is none."""
    file = ROOT / f"Pulumi.{stack}.yaml"
    return (yaml.safe_load(file.read_text()) if file.exists() else None) or {}


def own_settings(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a stack's file sets in the project's namespace, by key without the namespace."""
    found = contents.get("config") or {}
    return {key.removeprefix(NAMESPACE): value for key, value in found.items() if key.startswith(NAMESPACE)}


def raw_settings(settings: Mapping[str, Any]) -> dict[str, str | None]:
    """Return every key as text, as Pulumi passes it to the program: the defaults, overridden by these settings."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    values = {key: entry["default"] for key, entry in declared.items()} | dict(settings)
    return {key: json.dumps(value) if isinstance(value, bool | list) else str(value) for key, value in values.items()}
