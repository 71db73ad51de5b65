"""The lists of content blockers: where they come from, and what they say of an address."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.support.ports import free_port
from tools import blocker_lists
from tools.blocker_lists import BlockerLists, ListsError, Rule, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "https://www.shop.example/"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that the lists' site was asked for."""
    found: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

        def do_GET(self) -> None:
            found.append(self.path)
            body = {"/one.txt": b"/divolte.js\n", "/two.txt": b"@@||clicks.example^$script\n"}[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    sources = {"One": Source(f"{url}/one.txt", "one.txt"), "Two": Source(f"{url}/two.txt", "two.txt")}
    monkeypatch.setattr(blocker_lists, "SOURCES", sources)
    yield found
    server.shutdown()
    server.server_close()


def test_a_rule_is_named_with_its_list_and_depends_on_the_page_and_the_kind_of_request() -> None:
    known = BlockerLists({"A": "||clicks.example^$third-party\n/pixel?$image", "B": "/divolte.js"})
    assert known.rule("https://shop.example/c/divolte.js", PAGE, "script") == Rule("/divolte.js", "B")
    assert known.rule("https://clicks.example/x.js", PAGE, "script") == Rule("||clicks.example^$third-party", "A")
    assert known.rule("https://clicks.example/x.js", "https://www.clicks.example/", "script") is None
    assert known.rule("https://shop.example/pixel?t=1", PAGE, "image") == Rule("/pixel?$image", "A")
    assert known.rule("https://shop.example/pixel?t=1", PAGE, "xmlhttprequest") is None


def test_the_lists_are_downloaded_once_and_again_when_they_are_old(asked: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        known = blocker_lists.lists()
        assert known.rule("https://shop.example/divolte.js", PAGE, "script") == Rule("/divolte.js", "One")
        assert known.rule("https://clicks.example/divolte.js", PAGE, "script") is None, "an exception of another list"
    assert asked == ["/one.txt", "/two.txt"]
    for file in tmp_path.rglob("*.txt"):
        os.utime(file, (0, 0))
    blocker_lists.lists()
    assert asked == ["/one.txt", "/two.txt"] * 2


def test_lists_that_can_not_be_had_are_an_error_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}/one.txt"
    monkeypatch.setattr(blocker_lists, "SOURCES", {"One": Source(url, "one.txt")})
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ListsError) as caught:
        blocker_lists.lists()
    assert url in str(caught.value)
    assert "apt-get is not installed" in str(caught.value)
