"""The programs in docs/recipes.md, unchanged, send their event to a collector that requires a key."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from infra.paths import ROOT
from tests.browser.collector_server import collector
from tests.unit.collector.test_enrichment import DBIP, write_database

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = (ROOT / "docs" / "recipes.md").read_text()
BLOCK = re.compile(r"^## (\w+)\n.*?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
KEY = "recipes-" + "k" * 32


class Runner(NamedTuple):
    """How a program is run: the file that it is written to, and the command, whose first word must be on PATH."""

    file: str
    command: tuple[str, ...]


RUNNERS = {
    "curl": Runner("send.sh", ("sh", "send.sh")),
    "Python": Runner("send.py", (sys.executable, "-I", "send.py")),
    "Node": Runner("send.mjs", ("node", "send.mjs")),
    "Go": Runner("main.go", ("go", "run", "main.go")),
    "Java": Runner("Send.java", ("java", "-Xmx128m", "Send.java")),
    "PHP": Runner("send.php", ("php", "send.php")),
}
NOT_RUN = {"Swift", "Kotlin"}


def programs() -> dict[str, str]:
    """The first program of each section."""
    return {name: code for name, _, code in BLOCK.findall(RECIPES)}


def test_every_recipe_is_run_or_says_that_it_is_not() -> None:
    assert programs().keys() == RUNNERS.keys() | NOT_RUN
    for name in NOT_RUN:
        assert RECIPES.partition(f"## {name}\n\n")[2].startswith("Not run by tests")


def run(name: str, folder: Path, url: str, key: str) -> subprocess.CompletedProcess[str]:
    """Run a recipe; skip where its language is not installed."""
    runner = RUNNERS[name]
    for program in {runner.command[0], *(["curl"] if name == "curl" else [])}:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: the {name} recipe was not run")
    (folder / runner.file).write_text(programs()[name])
    environment = {**os.environ, "COLLECTOR": url, "WRITE_KEY": key, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        runner.command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", RUNNERS)
def test_a_recipe_sends_its_event_and_notices_a_refusal(name: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"shop": [KEY]}))
    database = write_database(tmp_path / "geo.mmdb", {"192.0.2.0/24": DBIP})
    sites = [{"name": "shop", "hosts": ["shop.example.com"]}]
    with collector(tmp_path, sites=sites, write_keys_file=keys, geo_databases=(database,)) as server:
        url = f"http://127.0.0.1:{server.port}"
        refused = run(name, tmp_path, url, "wrong-" + "k" * 32)
        assert refused.returncode != 0, "a program that is refused says so"
        assert server.accepted == server.dead == 0
        done = run(name, tmp_path, url, KEY)
        assert done.returncode == 0, done.stdout + done.stderr
        (record,) = server.records(1)
    wanted = {
        "site": "shop", "party_id": f"0:l8k3zq00:recipe-{name.lower()}", "event_type": "pageView",
        "location": "https://shop.example.com/cart", "browser_name": "Firefox", "ip": "192.0.2.0", "country_code": "SE",
        "parameters": '{"items":2}', "is_bot": False, "is_first_in_session": True, "is_duplicate": False,
    }  # fmt: skip
    assert {key: record[key] for key in wanted} == wanted
    assert record["event_id"].startswith(f"{name.lower()}-")
    assert abs(record["client_timestamp"] - record["timestamp"]).total_seconds() < 60
