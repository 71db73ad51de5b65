from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from infra.paths import ROOT, SERVICES
from tests.browser.site_server import SiteServer
from toolchain.steps import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

TRACKER = SERVICES / "website" / "tracker"
# The browser's own traffic (updates, synchronisation) would only blur what a test sees.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built copy of the tracker's folder: a build empties dist/, and other processes run tests meanwhile."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    modules = TRACKER / "node_modules"
    with locked("tracker-packages"):
        if not (modules / ".package-lock.json").is_file():
            subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=TRACKER, check=True)
    root = tmp_path_factory.mktemp("tracker")
    folder = root / TRACKER.relative_to(ROOT)
    shutil.copytree(TRACKER, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    shutil.copy(ROOT / "LICENSE", root)  # the package takes it from there
    (folder / "node_modules").symlink_to(modules)
    subprocess.run([npm, "run", "-s", "build"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def scripts(tracker: Path) -> Path:
    """The folder of the built scripts."""
    return tracker / "dist"


# One Playwright at a time can run in a process: this one ends with the folder.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == [], "the tracker threw in the page"


@pytest.fixture
def site(scripts: Path) -> Iterator[SiteServer]:
    with SiteServer(scripts) as server:
        yield server
