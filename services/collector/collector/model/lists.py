"""The lists about referring sites and click IDs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

# Modules that are compiled do not know where they lie, so this one stays Python: compile_modules.py.
DATA: Final = Path(__file__).resolve().parent.parent / "data"


def rows(name: str) -> list[list[str]]:
    """The cells of each line of a file, at most three: the last one may hold commas. Comments are left out."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split(",", 2) for line in lines if line and not line.startswith("#")]
