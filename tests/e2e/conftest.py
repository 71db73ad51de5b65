"""One whole platform, brought up once for every test of this folder, and taken away afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from infra.paths import ROOT
from tests.e2e.journey import Access
from tests.engine.conftest import require_toolchain
from tests.support.browser import chromium
from tests.support.leaked_resources import remove_leaked_resources
from tests.support.pulumi_cli import CliStack

NAME = "e2e"
PROJECT_NAME = f"clickstream-{NAME}"
CONFIG = {
    "target": "local",
    "privateVisitorIp": "81.2.69.142",
    # The simulator's visitors say where they come from.
    "trustedProxies": ["172.16.0.0/12", "192.168.0.0/16"],
    "websitePort": 18200,
    "supersetPort": 18201,
    "druidPort": 18202,
    "kafkaManagerPort": 18203,
    "publicDashboards": ["clickstream-analytics"],
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    """The stack, up. KEEP_E2E=1 leaves it there to be looked at."""
    require_toolchain()
    remove_leaked_resources(PROJECT_NAME)
    made = CliStack(NAME, tmp_path_factory.mktemp(NAME), dict(CONFIG))
    made.init()
    made.operate("up", "--skip-preview")
    yield made
    if os.environ.get("KEEP_E2E") != "1":
        made.operate("destroy", "--skip-preview", check=False)
        remove_leaked_resources(PROJECT_NAME)


@pytest.fixture(scope="session")
def access(stack: CliStack) -> Access:
    """URLs and logins of the stack."""
    return Access.of(stack.outputs())


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go."""
    folder = ROOT / "test-results"
    folder.mkdir(exist_ok=True)
    return folder
