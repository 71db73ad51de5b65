from __future__ import annotations

import sys
from pathlib import Path

# The collector is an image of its own and not installed here; its parser is what events must please.
sys.path[:0] = [str(Path(__file__).parents[3] / "services" / name) for name in ("collector", "common")]
