"""Visitors who are on the website while something is done to the stack."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from infra.paths import ROOT
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until
from visitors.access import Access
from visitors.ledger import Ledger
from visitors.scenario import Noise, load
from visitors.verify import Comparison, verify

EVENTS_PER_SECOND = 20


@dataclass(frozen=True)
class Visitors:
    """Each run has events of its own. `folder` takes what a run writes."""

    stack: CliStack
    folder: Path

    @contextmanager
    def underway(self, name: str) -> Iterator[Path]:
        """They come until the block ends; gives the file of the ledger, which is whole then."""
        outputs, scenario, ledger, said = (
            self.folder / f"{name}.{kind}" for kind in ("outputs", "yaml", "json", "txt")
        )
        outputs.touch(0o600)
        outputs.write_text(json.dumps(self.stack.outputs()))
        # Nothing is sent twice on purpose: what the other collector has seen, a collector can't know.
        quiet = load("original").model_copy(update={"noise": Noise(), "events_per_second": EVENTS_PER_SECOND})
        scenario.write_text(yaml.safe_dump(quiet.model_dump(mode="json")))
        files = ["--outputs", str(outputs), "--ledger", str(ledger)]
        command = [sys.executable, "-m", "visitors", "run", str(scenario), "--insecure", *files]
        with said.open("w") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as running:
            try:
                until(running.poll, lambda code: code is None, seconds=1)
                yield ledger
            finally:
                running.send_signal(signal.SIGINT)
                code = running.wait(120)
        assert code == 0, said.read_text()

    def compared(self, ledger: Path) -> Comparison:
        """What the ledger says with what Druid has."""
        access = replace(Access.of_outputs(json.dumps(self.stack.outputs())), insecure=True)
        return verify(Ledger.load(ledger), access.druid_of("clickstream"), patience=120)
