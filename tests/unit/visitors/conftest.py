from __future__ import annotations

import sys

from infra.paths import SERVICES

# The collector is an image of its own and not installed here; its parser is what events must please.
sys.path[:0] = [str(SERVICES / name) for name in ("collector", "common")]
