"""Asks for confirmation before data is deleted."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.paths import ROOT, SetupError

DOCKER_VOLUME = "docker:index/volume:Volume"
VOLUMES = (DOCKER_VOLUME, "digitalocean:index/volume:Volume")
EMPTY = "0B"
"""The size that the engine reports for an empty volume."""


@dataclass(frozen=True)
class Volume:
    """One of the stack's volumes. The size is formatted for people, and empty if unknown."""

    name: str
    size: str

    def __str__(self) -> str:
        """Text for the question."""
        return f"{self.name} ({self.size})" if self.size else self.name


def confirm_destroy(stack: str, env: Mapping[str, str], *, yes: bool) -> None:
    """Ask for the stack's name if it has data. `yes` skips the question.

    Raises:
        SetupError: if the answer is not the name, or there is no terminal.
    """
    if yes or not (volumes := volumes_with_data(stack, env)):
        return
    deleted = f"deletes the data of stack {stack} on {', '.join(map(str, volumes))}"
    if not sys.stdin.isatty():
        msg = (
            f"`make down` {deleted}. Nothing was changed because there is no terminal for the confirmation: use "
            f"`make down STACK={stack} YES=1` to delete it without confirmation, or KEEP_DATA=1 to keep the volumes"
        )
        raise SetupError(msg)
    print(f"`make down` {deleted}. Use KEEP_DATA=1 to keep the volumes.", flush=True)
    try:
        given = input("To delete it permanently, type the name of the stack: ")
    except EOFError:
        given = ""
    if given.strip() != stack:
        msg = f"{given.strip()!r} is not the name of the stack ({stack}): nothing was changed"
        raise SetupError(msg)


def volumes_with_data(stack: str, env: Mapping[str, str]) -> list[Volume]:
    """The volumes in the stack's state, except those that are empty on the local engine."""
    exported = _output(["pulumi", "stack", "export", "--stack", stack], env)
    if exported is None:
        msg = f"`pulumi stack export --stack {stack}` fails, so this command cannot tell whether the stack has data"
        raise SetupError(msg)
    resources = json.loads(exported)["deployment"].get("resources") or []
    found = [item for item in resources if item["type"] in VOLUMES]
    sizes = local_sizes(env) if any(item["type"] == DOCKER_VOLUME for item in found) else {}
    # A volume whose creation was interrupted has no outputs.
    names = sorted(str((item.get("outputs") or {}).get("name") or item["urn"].rpartition("::")[2]) for item in found)
    return [Volume(name, sizes.get(name, "")) for name in names if sizes.get(name) != EMPTY]


def local_sizes(env: Mapping[str, str]) -> dict[str, str]:
    """From volumes to sizes, as reported by this machine's engine."""
    listed = _output(["docker", "system", "df", "--verbose", "--format", "{{json .Volumes}}"], env)
    try:
        return {volume["Name"]: volume["Size"] for volume in json.loads(listed or "[]")}
    except (ValueError, KeyError, TypeError):
        return {}


def _output(command: list[str], env: Mapping[str, str]) -> str | None:
    """A program's output. None if it fails."""
    ended = subprocess.run(command, cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False)
    return ended.stdout if ended.returncode == 0 else None
