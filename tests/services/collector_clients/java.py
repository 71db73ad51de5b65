"""Java's own HTTP client, which asks for HTTP/2 with each request to an http:// address."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

_PROGRAM = Path(__file__).with_name("SendEvents.java")


def send_events(url: str, each: int) -> Counter[str]:
    """How often each kind of event got each status; `each` of a kind one after the other, as many together."""
    executable = shutil.which("java")
    if executable is None:
        pytest.skip("no java on PATH; JDK 11 or newer is needed to send events as a Java server does")
    command = [executable, "-Xmx128m", str(_PROGRAM), url, str(each)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert result.returncode == 0, result.stderr
    lines = (line.partition(" ") for line in result.stdout.splitlines())
    return Counter(f"{name.partition('-')[0]} {outcome}" for name, _, outcome in lines)


def all_taken(each: int) -> Counter[str]:
    """What `send_events` gives when nothing is lost."""
    taken = {"beacon 200": each, "batch 200": each, "json 204": each, "chunked 204": each}
    return Counter({name: 2 * count for name, count in taken.items()})


def ids(each: int) -> set[str]:
    """The events that it sends."""
    return {f"{kind}-{number}" for kind in ("beacon", "batch", "json", "chunked") for number in range(2 * each)}
