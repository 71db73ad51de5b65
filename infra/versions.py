"""The versions in versions.toml, and which of them the build of an image uses."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from infra.paths import ROOT

FILE: Final = ROOT / "versions.toml"
VERSIONS: Final[Mapping[str, str]] = MappingProxyType(tomllib.loads(FILE.read_text()))

_REQUIRED = re.compile(r"^ARG (\w+)$", re.MULTILINE)
"""An argument with a default is the Dockerfile's own."""


def build_args(dockerfile: Path, versions: Mapping[str, str] = VERSIONS) -> dict[str, str]:
    """The versions that a Dockerfile declares as `ARG NAME`, without a default; ValueError if the file lacks one."""
    names = sorted(set(_REQUIRED.findall(dockerfile.read_text())))
    if unknown := [name for name in names if name not in versions]:
        message = (
            f"{dockerfile}: no version for ARG {', '.join(unknown)}; {FILE.name} has {', '.join(versions)}: "
            f"write it there, or give the ARG a default"
        )
        raise ValueError(message)
    return {name: versions[name] for name in names}
