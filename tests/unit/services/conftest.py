"""Makes what the services share importable: it lies beside them, not on the program's path."""

import sys

from tests.support.stack_config import ROOT

sys.path[:0] = [str(ROOT / "services" / name) for name in ("common", "collector", "avro_to_json", "kafka_manager")]
