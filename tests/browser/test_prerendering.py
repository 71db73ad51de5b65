"""Pages that Chromium prepares in the background by speculation rules: a view counts when, and if, it is seen.

Chromium runs alone here: while a tool such as Playwright is attached, it fetches such pages but does not run them.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from toolchain import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser.site_server import SiteServer

FIRST = """<script type="speculationrules">
{"prerender": [{"source": "list", "urls": ["/next"], "eagerness": "immediate"}]}
</script>
<script>
  const look = async () => (await (await fetch("/there-is")).text()).includes("<" + "hr>")
    ? location.assign("/next") : setTimeout(look, 200);
  const end = () => setTimeout(() => divolte.signal("end"), 1000);
  if (location.pathname == "/") look();
  else document.currentScript.previousElementSibling.remove();
  if (document.prerendering) {
    addEventListener("load", () => fetch("/csc-event?prepared"));
    document.addEventListener("prerenderingchange", end);
  } else if (location.pathname == "/next") addEventListener("load", end);
</script>"""
"""A page that prepares another one, and goes there once the site's pages have a line."""


@contextlib.contextmanager
def opened(url: str, profile: Path) -> Iterator[None]:
    """Chromium with that page, and nothing that watches it."""
    program = chromium.executable()
    if program is None:
        pytest.skip("Chromium is not installed")
    command = [program, "--headless", "--no-first-run", f"--user-data-dir={profile}", *chromium.arguments(), url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_a_prerendered_page_counts_once_and_only_when_it_is_seen(site: SiteServer, tmp_path: Path) -> None:
    site.body = FIRST
    with opened(f"{site.url}/", tmp_path):
        site.wait_for("pageView")
        try:
            site.wait("the prepared page", lambda: "prepared" in site.beacons)
        except AssertionError as error:
            pytest.skip(f"Chromium prepares no pages, as it does when memory is short: {error}")
        assert [event["l"] for event in site.events] == [f"{site.url}/"], "nobody has seen the prepared page"
        seen = time.time() * 1000
        site.body += "<hr>"
        site.wait_for("end")
    first, second = site.of_type("pageView")
    assert (first["l"], second["l"]) == (f"{site.url}/", f"{site.url}/next")
    assert first["c"] < seen <= second["c"]
    assert (second["p"], second["s"], second["r"]) == (first["p"], first["s"], f"{site.url}/")
    assert site.beacons == ["prepared"]
