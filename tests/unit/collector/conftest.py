"""The collector's package lies in its image's folder; a collector in this process, on librdkafka's mock broker."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = os.environ.get("TESTED_COLLECTOR", str(ROOT / "services" / "collector"))
"""Where the package lies; another place where the compiled form is tested."""
sys.path[:0] = [PACKAGE, str(ROOT / "services" / "common")]

uvloop = pytest.importorskip("uvloop", reason="the collector's requirements are not installed")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests on uvloop, as the collector runs."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    uvloop.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
