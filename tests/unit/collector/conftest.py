"""The collector's package lies in its image's folder; a collector in this process, on librdkafka's mock broker."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "services" / "collector"))

pytest.importorskip("httptools", reason="the collector's requirements are not installed")
