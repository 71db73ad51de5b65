"""The tracker as a package: its size, its types, what is in it, and its entry for bundled sites."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.tracker import SIZE_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser.site_server import SiteServer

SHOP = """
import { load, type Divolte } from "@clickstream/tracker";
declare module "@clickstream/tracker" {
  interface DivolteEvents { addToCart: { sku: string; price: number } }
}
const divolte: Divolte = await load({ src: "/divolte.js", consent: true });
const id: string | null = divolte.signal("addToCart", { sku: "TT-101", price: 289 });
divolte.signal("anything", { goes: [1, 2] });
divolte.signal("alone");
divolte.whenCommitted(() => console.log(id), 500);
window.divolte?.consent(true);
"""
WRONG = {
    'divolte.signal("addToCart", { sku: "TT-101" });': "Property 'price' is missing",
    'await load({ source: "/divolte.js" });': "'source' does not exist",
    "divolte.partyId = '';": "read-only property",
}


def npm(folder: Path, *arguments: str) -> str:
    """The output of an npm command that must succeed."""
    program = shutil.which("npm")
    assert program is not None
    ran = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"npm {' '.join(arguments)}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def test_the_tracker_is_no_larger_than_its_limit(tracker: Path) -> None:
    said = npm(tracker, "run", "-s", "size")
    found = re.search(r"^divolte\.js: \d+ bytes minified, (\d+) gzipped", said, re.MULTILINE)
    assert found is not None, said
    assert int(found[1]) <= SIZE_LIMIT, said


def test_the_protocols_vectors_pass_and_the_types_hold(tracker: Path) -> None:
    npm(tracker, "run", "-s", "check")
    assert "# fail 0" in npm(tracker, "test")


@pytest.fixture(scope="module")
def shop(tracker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the package installed, from what `npm publish` would upload."""
    folder = tmp_path_factory.mktemp("shop")
    said = npm(tracker, "pack", "--json", "--pack-destination", str(folder))
    # What the scripts of the package say comes first.
    packed = json.loads(said[said.index("[\n") :])[0]
    assert {file["path"] for file in packed["files"]} == {
        "LICENSE", "README.md", "package.json", "dist/divolte.js", "dist/divolte-beacon.js",
        "dist/divolte-identify.js", "dist/divolte-sendbeacon.js", "dist/loader.js", "types/divolte.d.ts",
        "types/loader.d.ts",
    }  # fmt: skip
    (folder / "package.json").write_text('{"type": "module"}')
    npm(folder, "install", "--offline", "--no-audit", "--no-fund", str(folder / packed["filename"]))
    return folder


def typecheck(tracker: Path, shop: Path, text: str) -> str:
    (shop / "shop.ts").write_text(text)
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"]
    compiler = tracker / "node_modules" / ".bin" / "tsc"
    ran = subprocess.run([str(compiler), *options, "shop.ts"], cwd=shop, capture_output=True, text=True, check=False)
    return ran.stdout


def test_the_packages_types_know_the_api_and_the_sites_own_events(tracker: Path, shop: Path) -> None:
    assert typecheck(tracker, shop, SHOP) == ""
    for line, complaint in WRONG.items():
        assert complaint in typecheck(tracker, shop, SHOP + line), line


def test_a_bundled_site_loads_the_tracker_by_the_packages_entry(site: SiteServer, page: Page, shop: Path) -> None:
    entry = (shop / "node_modules" / "@clickstream" / "tracker" / "dist" / "loader.js").read_text()
    page.route("**/loader.js", lambda route: route.fulfill(body=entry, content_type="text/javascript"))
    page.route(
        "**/shop", lambda route: route.fulfill(body="<!doctype html><title>Shop</title>", content_type="text/html")
    )
    page.route("**/nowhere/tracker.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(f"{site.url}/shop")
    failed = page.evaluate(
        "import('/loader.js').then(({load}) => load({src: '/nowhere/tracker.js'})).catch(error => error.message)"
    )
    assert failed == "The tracker could not be loaded from /nowhere/tracker.js"
    order = page.evaluate(
        "import('/loader.js').then(({load}) => Promise.all([load({src: '/divolte.js', hash: true, session: 60}), "
        "load({src: '/divolte.js'})])).then(([one, two]) => [one === two, two.signal('order', {sku: 'A'})])"
    )
    assert order[0] is True
    assert site.wait_for("order")[0]["e"] == order[1]
    assert len(site.of_type("pageView")) == 1
    page.evaluate("location.hash = 'part'")
    site.wait_for("pageView", 2)
