"""A stack's settings outside Pulumi: Pulumi.yaml's defaults with the values of a stack on top."""

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
    """Return what a stack's file sets in the project's namespace: key (without namespace) to value."""
    found = contents.get("config") or {}
    return {key.removeprefix(NAMESPACE): value for key, value in found.items() if key.startswith(NAMESPACE)}


def raw_settings(settings: Mapping[str, Any]) -> dict[str, str | None]:
    """Return every key as text, as Pulumi hands it to the program: the defaults with these settings on top."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    values = {key: entry["default"] for key, entry in declared.items()} | dict(settings)
    return {key: json.dumps(value) if isinstance(value, bool | list) else str(value) for key, value in values.items()}
