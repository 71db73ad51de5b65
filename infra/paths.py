"""Folders of the repository that the program reads."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
SERVICES: Final = ROOT / "services"
SCHEMAS: Final = SERVICES / "schema"
DRUID_SPECS: Final = ROOT / "druid_specs"
SUPERSET_ASSETS: Final = ROOT / "superset_assets"
