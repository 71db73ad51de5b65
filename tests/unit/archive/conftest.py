"""Makes the service importable: it lies beside the program, not on its path."""

import sys

from infra.paths import SERVICES

sys.path[:0] = [str(SERVICES / name) for name in ("archive", "common")]
