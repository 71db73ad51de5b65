"""What `make check-tag` says of content blockers' lists is what the real uBlock Origin does, in a real Firefox."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.browser.collector_server import pages
from tests.browser.firefox import executable, firefox
from tests.support.waiting import until
from tools.blocker_lists import SOURCES, BlockerLists, unpacked_ublock_origin

if TYPE_CHECKING:
    from pathlib import Path

LOADED = """new Promise(done => {
  const script = document.createElement("script");
  script.onload = () => done(true);
  script.onerror = () => done(false);
  script.src = "%s?" + Math.random();
  document.head.append(script);
})"""


@pytest.fixture(scope="module")
def ublock_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return unpacked_ublock_origin(tmp_path_factory.mktemp("ublock-origin"))
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"Debian's package of uBlock Origin cannot be downloaded: {error}")


def test_ublock_origin_blocks_what_the_lists_have_and_nothing_else(ublock_origin: Path, tmp_path: Path) -> None:
    if executable() is None:
        pytest.skip("Firefox is not installed")
    known = BlockerLists(
        {name: (ublock_origin / "assets" / source.in_package).read_text() for name, source in SOURCES.items()}
    )
    with pages("<!doctype html>") as site, firefox(tmp_path) as browser:
        browser.open(site)
        names = ("divolte.js", "c/divolte.js", "c/lamps.js", "c/csc-event", "c/csc-batch")
        assert all(browser.evaluate(LOADED % f"{site}/{name}") for name in names), "before"
        browser.add_extension(ublock_origin)
        until(lambda: not browser.evaluate(LOADED % f"{site}/divolte.js"), what="the extension's start", seconds=120)
        for name in names:
            rule = known.rule(f"{site}/{name}", site, "script")
            assert browser.evaluate(LOADED % f"{site}/{name}") == (rule is None), (name, rule)
        assert known.rule(f"{site}/c/lamps.js", site, "script") is None
