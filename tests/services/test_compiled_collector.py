"""The collector's image runs compiled modules: its unit tests pass in it as they do over the source."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.paths import ROOT
from tests.support.images import DOCKER, build
from toolchain.venv import DEVELOPMENT, pinned

TESTED_WITH = ("hypothesis", "mmdb-writer", "pytest", "pytest-timeout")
CURL = "test_curl_sends_such_a_link_and_it_counts"
"""The image has no curl, so this test would be skipped; nothing else may be."""
IS_COMPILED = """
import collector.http.connection, collector.protocol.beacon, collector.service
print(*(module.__file__ for module in (collector.http.connection, collector.protocol.beacon, collector.service)))
"""


def _run(image: str, *command: str, options: tuple[str, ...] = ()) -> str:
    """Output of the image's Python in a container of its own, which leaves nothing behind."""
    arguments = [DOCKER, "run", "--rm", *options, "--entrypoint", "/opt/collector/bin/python", image, *command]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, f"{result.stdout[-8000:]}\n{result.stderr[-2000:]}"
    return result.stdout


def test_the_image_holds_the_compiled_form() -> None:
    files = _run(build("collector"), "-c", IS_COMPILED).split()
    assert [Path(file).suffix for file in files] == [".so"] * 3


@pytest.mark.timeout(900)
def test_the_compiled_form_passes_the_unit_tests() -> None:
    packages = " ".join(f"{name}=={pinned(name, DEVELOPMENT)}" for name in TESTED_WITH)
    image = build("collector", "test", TEST_PACKAGES=packages)
    mounted = [part for name in ("docs", "services", "tests") for part in ("-v", f"{ROOT / name}:/checkout/{name}:ro")]
    variables = ("-e", "TESTED_COLLECTOR=/app", "-e", "PYTHONPATH=/app:/checkout", "-e", "PYTHONDONTWRITEBYTECODE=1")
    output = _run(
        # From /checkout on, so that the settings of all tests apply: properties have no deadline.
        image, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--confcutdir=/checkout",
        "-k", f"not {CURL}", "/checkout/tests/unit/collector",
        options=(*mounted, *variables, "--workdir", "/tmp"),  # noqa: S108 - of the container
    )  # fmt: skip
    assert re.search(r"\d{3,} passed", output), output
    assert "skipped" not in output, output
