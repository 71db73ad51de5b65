"""Clients that ask for HTTP/2 lose nothing: Java's HttpClient and curl, with a collector on a real socket."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.browser.collector_server import collector
from tests.services.collector_clients.java import all_taken, ids, send_events

if TYPE_CHECKING:
    from pathlib import Path

EACH = 30
JSON_EVENT = (
    '{"session_id":"0:1:b","event_id":"e","is_new_party":true,"is_new_session":false,'
    '"client_timestamp_iso":"2026-01-31T12:00:00.250+01:00"}'
)
BATCH = '{"events":[{"p":"0:1:a","s":"0:1:b","v":"0:v","e":"0:v0","c":1770000000000}]}'


def test_javas_http_client_loses_nothing(tmp_path: Path) -> None:
    with collector(tmp_path) as server:
        assert send_events(f"http://127.0.0.1:{server.port}", EACH) == all_taken(EACH)
        assert {record["event_id"] for record in server.records(8 * EACH)} == ids(EACH)
        assert server.dead == 0


def curl(*arguments: str) -> tuple[int, str]:
    """Exit status and output of curl: status and number of new connections of each request, and what it says."""
    executable = shutil.which("curl")
    if executable is None:
        pytest.skip("no curl on PATH")
    if "HTTP2" not in subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this curl cannot speak HTTP/2")
    command = [executable, "-sS", "-m", "20", "-w", "%{http_code} %{num_connects}\n", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


def test_curl_that_asks_for_http_2_loses_nothing(tmp_path: Path) -> None:
    with collector(tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}"
        target = f"{url}/json-event?p=0:1:a"
        post = ["--http2", "-H", "Content-Type: application/json", "-d", JSON_EVENT, target, target, target]
        assert curl(*post) == (0, "204 1\n204 0\n204 0\n")
        status, output = curl("--http2", "-H", "Content-Type: text/plain", "-d", BATCH, f"{url}/csc-batch")
        assert (status, output) == (0, '{"accepted":["0:v0"],"rejected":[]}200 1\n')
        assert len(server.records(4)) == 4
        assert server.dead == 0


def test_curl_that_starts_with_http_2_is_told_to_use_http_1(tmp_path: Path) -> None:
    with collector(tmp_path) as server:
        status, output = curl("-v", "--http2-prior-knowledge", f"http://127.0.0.1:{server.port}/ping")
    assert status != 0
    assert re.search(r"GOAWAY, error=13|HTTP_1_1_REQUIRED", output), output
