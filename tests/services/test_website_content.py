"""A website without the shop: nothing but the tracker, or a folder of the user's files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import httpx
import pytest

from infra.images.context import context_of
from infra.pipeline.website import website_image
from tests.support.browser import chromium
from tests.support.images import build
from tests.support.website_container import websites

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import docker
    from playwright.sync_api import Route

TAG = '<script defer data-divolte src="/divolte.js"></script>'
INLINE = '<p id="own" style="color: red">mine</p><script>document.getElementById("own").textContent = "ran"</script>'
FILES = {
    "index.html": f"<!doctype html><title>Home</title>{TAG}{INLINE}<p>${{SITE_ORIGIN}}</p>" + "<p>text</p>" * 100,
    "docs/index.html": "<!doctype html><title>Docs</title>",
    "about.html": "<!doctype html><title>About</title>",
    "app.0123456789abcdef.js": "export const answer = 42;" * 40,
    "module.mjs": "export const answer = 42;",
    "dist/tests/data.json": "{}",
    "flags/own.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "picture.png": "not really",
    ".env": "SECRET=1",
    ".well-known/security.txt": "Contact: mailto:a@shop.test",
}


@pytest.fixture(scope="module")
def nothing(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    image = build("website", variant="none", **dict(website_image("none").choices))
    with websites(engine, tmp_path_factory, image) as start:
        yield start(TRACKER_PATH="/c/t.js")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def served(folder: Path) -> str:
    source = website_image(str(folder))
    return build("website", variant="folder", context=context_of(source), **dict(source.choices))


@pytest.fixture(scope="module")
def site(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    write(folder, FILES)
    (folder / "about.html").chmod(0o600)
    with websites(engine, tmp_path_factory, served(folder)) as start:
        yield start()


def test_without_a_website_there_are_only_the_tracker_and_the_flags(nothing: str) -> None:
    for path in ("/", "/product/day-pack", "/privacy", "/assets/scene/1.svg", "/favicon.ico", "/sitemap.txt"):
        answer = httpx.get(nothing + path)
        assert (answer.status_code, answer.text) == (404, "There is no page here.\n"), path
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert httpx.get(f"{nothing}/robots.txt").text == "User-agent: *\nDisallow: /\n"
    for path in ("/c/t.js", "/divolte.js"):
        script = httpx.get(nothing + path, headers={"Accept-Encoding": "br"})
        assert (script.status_code, script.headers["Content-Encoding"]) == (200, "br")
        assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    flag = httpx.get(f"{nothing}/flags/se.svg")
    assert flag.headers["Content-Type"] == "image/svg+xml"
    assert flag.headers["Access-Control-Allow-Origin"] == "*"


def test_the_files_of_a_folder_are_served_unchanged(site: str) -> None:
    assert httpx.get(site).text == FILES["index.html"]
    assert httpx.get(f"{site}/about").text == FILES["about.html"], "also one that only its owner may read"
    assert httpx.get(f"{site}/docs").headers["Location"] == "/docs/"
    assert httpx.get(f"{site}/docs/").text == FILES["docs/index.html"]
    assert httpx.get(f"{site}/dist/tests/data.json").text == "{}"
    assert httpx.get(f"{site}/module.mjs").headers["Content-Type"].startswith("text/javascript")
    assert httpx.get(f"{site}/.well-known/security.txt").status_code == 200
    assert httpx.get(f"{site}/flags/own.svg").text == FILES["flags/own.svg"]
    assert httpx.get(f"{site}/flags/se.svg").headers["Access-Control-Allow-Origin"] == "*", "those of the dashboards"
    for path in ("/.env", "/product/day-pack", "/privacy", "/nginx.conf"):
        answer = httpx.get(site + path)
        assert (answer.status_code, answer.text) == (404, "There is no such page.\n"), path


def test_a_folder_has_the_headers_caching_and_compression_of_the_shop(site: str) -> None:
    page = httpx.get(site)
    assert page.headers["Cache-Control"] == "no-cache"
    assert httpx.get(site, headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
    assert page.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    for path in ("/", "/nowhere", "/picture.png"):
        headers = httpx.get(site + path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin", path
    hashed = httpx.get(f"{site}/app.0123456789abcdef.js", headers={"Accept-Encoding": "br"})
    assert hashed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert hashed.headers["Content-Encoding"] == "br"
    assert httpx.get(f"{site}/picture.png").headers["Cache-Control"] == "public, max-age=86400"
    for accepted in ("br", "gzip"):
        assert httpx.get(site, headers={"Accept-Encoding": accepted}).headers["Content-Encoding"] == accepted


def test_a_folders_page_can_use_the_tag_and_its_own_scripts_and_styles(site: str) -> None:
    kinds: list[str] = []

    def collect(route: Route) -> None:
        events = json.loads(route.request.post_data or "")["events"]
        kinds.extend(event["t"] for event in events)
        route.fulfill(json={"accepted": [event["e"] for event in events], "rejected": []})

    with chromium() as browser:
        page = browser.new_page()
        page.route("**/csc-batch", collect)
        page.goto(site)
        assert page.text_content("#own") == "ran"
        assert page.evaluate("getComputedStyle(document.getElementById('own')).color") == "rgb(255, 0, 0)"
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
    assert kinds == ["pageView"]


def test_a_changed_file_is_new_to_browsers_even_with_the_same_size_and_time(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tags = []
    for text in ("one", "two"):
        folder = tmp_path_factory.mktemp("same")
        write(folder, {"index.html": text, "404.html": "Gone astray"})
        os.utime(folder / "index.html", (1_600_000_000, 1_600_000_000))
        with websites(engine, tmp_path_factory, served(folder)) as start:
            website = start()
            tags.append(httpx.get(website).headers["ETag"])
            lost = httpx.get(f"{website}/nowhere")
            assert (lost.status_code, lost.text) == (404, "Gone astray")
    assert tags[0] != tags[1]
