"""Makes what the services share importable: it lies beside them, not on the program's path."""

import sys

from infra.paths import SERVICES

sys.path[:0] = [str(SERVICES / name) for name in ("common", "archive", "collector", "avro_to_json", "kafka_manager")]
