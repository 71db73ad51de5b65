"""A run that is broken off by a person."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from infra.paths import ROOT
from tests.support.waiting import until
from tests.unit.visitors.fake_site import Site
from visitors.ledger import Ledger
from visitors.scenario import load


def test_what_was_sent_until_ctrl_c_is_in_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    with Site() as site:
        url = f"http://127.0.0.1:{site.server.server_port}"
        command = [
            sys.executable,
            "-m",
            "visitors",
            "run",
            "small",
            "--rate",
            "20",
            "--url",
            url,
            "--ledger",
            str(path),
        ]
        running = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"NO_COLOR": "1"})
        until(lambda: len(site.requests), lambda number: number > 5, seconds=60)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    ledger = Ledger.load(path)
    assert 0 < ledger.visits < load("small").visits
    beacons = [address for method, address, _ in site.requests if method == "GET"]
    sent = site.events + len(beacons)
    assert ledger.acknowledged + ledger.bot_events + ledger.duplicates_sent + ledger.corrupt_sent == sent
