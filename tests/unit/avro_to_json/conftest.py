"""Makes the converter's package importable: it lives in its image's folder, not on the program's path."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[3] / "services" / name) for name in ("avro_to_json", "common")]
