"""Makes the converter's package importable: it lives in its image's folder, not on the program's path."""

import sys

from infra.paths import SERVICES

sys.path[:0] = [str(SERVICES / name) for name in ("avro_to_json", "common")]
