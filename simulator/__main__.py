"""`python -m simulator run SCENARIO` sends visits; `python -m simulator verify` compares them with Druid."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from pathlib import Path

from simulator.ledger import Ledger
from simulator.protocol import Run
from simulator.report import html
from simulator.scenario import Scenario, ScenarioError, load
from simulator.synthetic import RefusedError, Synthetic
from simulator.verify import Difference, Druid, DruidError, verify

LEDGER = Path("test-results/visitors.json")


def say(text: str) -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(text + "\n")


class ProgressBar:
    """Visits done, on one line of standard error when that is a terminal."""

    def __init__(self, total: int) -> None:
        """For that many visits."""
        self.total, self.done = total, 0

    def __call__(self, more: int) -> None:
        """Note visits as done."""
        self.done += more
        if sys.stderr.isatty():
            width = 40 * self.done // max(self.total, 1)
            end = "\n" if self.done == self.total else ""
            sys.stderr.write(f"\r[{'#' * width:<40}] {self.done}/{self.total} visits{end}")
            sys.stderr.flush()


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns side by side."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def run(arguments: argparse.Namespace) -> int:
    """Send a scenario."""
    scenario: Scenario = load(arguments.scenario)
    changes = {"seed": arguments.seed, "events_per_second": arguments.rate}
    scenario = scenario.model_copy(update={name: value for name, value in changes.items() if value is not None})
    started = int(time.time() * 1000)
    visit_run = Run(secrets.token_hex(4), arguments.url.rstrip("/"), started)
    ledger = Ledger(visit_run.name, scenario.name, started)
    progress = ProgressBar(scenario.visits)
    if arguments.browsers:
        # Playwright is needed here only.
        from simulator.browsers import Browsers  # noqa: PLC0415

        asyncio.run(Browsers(scenario, visit_run, ledger, progress).send())
    else:
        asyncio.run(Synthetic(scenario, visit_run, ledger, progress).send())
    ledger.ended_ms = int(time.time() * 1000)
    ledger.save(arguments.ledger)
    if arguments.report:
        arguments.report.write_text(html(ledger), encoding="utf-8")
    rows: list[tuple[str, ...]] = [("country", "events")]
    rows += [(country, str(count)) for country, count in ledger.counts["country"].most_common()]
    say(table(rows))
    seconds = (ledger.ended_ms - ledger.started_ms) / 1000
    say(
        f"{ledger.visits} visits, {ledger.acknowledged} events in {seconds:.1f} s; "
        f"besides {ledger.bot_events} of bots, "
        f"{ledger.duplicates_sent} duplicates, {ledger.corrupt_sent} corrupt; "
        f"{ledger.refused} refused. Ledger: {arguments.ledger}"
    )
    return 0 if not ledger.refused else 1


def check(arguments: argparse.Namespace) -> int:
    """Compare a ledger with Druid."""
    ledger = Ledger.load(arguments.ledger)
    credentials = None
    if arguments.password_file:
        credentials = (arguments.user, arguments.password_file.read_text(encoding="utf-8").strip())
    left: list[Difference] = verify(
        ledger, Druid(arguments.druid, arguments.datasource, credentials), arguments.patience
    )
    if not left:
        say(
            f"equal: {ledger.acknowledged} events of {ledger.visits} visits, by country, browser, system, page and type"
        )
        return 0
    rows: list[tuple[str, ...]] = [("what", "value", "sent", "found")]
    rows += [(each.dimension, each.value, str(each.sent), str(each.found)) for each in left]
    say(table(rows))
    return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="visitors", description=__doc__)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="send visits")
    running.add_argument("scenario", help="a shipped scenario (original, small, browsers) or a YAML file")
    running.add_argument("--url", default="http://localhost", help="the website's address")
    running.add_argument("--browsers", action="store_true", help="use real browsers")
    running.add_argument("--seed", type=int, help="instead of the scenario's")
    running.add_argument("--rate", type=int, help="events a second, instead of the scenario's")
    running.add_argument("--ledger", type=Path, default=LEDGER, help="where to write what was sent")
    running.add_argument("--report", type=Path, help="write an HTML page with charts")
    running.set_defaults(command=run)
    checking = commands.add_parser("verify", help="compare what was sent with Druid")
    checking.add_argument("--ledger", type=Path, default=LEDGER)
    checking.add_argument("--druid", default="http://localhost:8888", help="the Druid router's address")
    checking.add_argument("--datasource", default="clickstream")
    checking.add_argument("--user", default="admin")
    checking.add_argument("--password-file", type=Path)
    checking.add_argument("--patience", type=float, default=60, help="seconds to wait for the last events")
    checking.set_defaults(command=check)
    return parser


def main() -> int:
    """Run a command; errors that people can mend are one clear line."""
    arguments = parser().parse_args()
    try:
        code: int = arguments.command(arguments)
    except (ScenarioError, DruidError, OSError) as error:
        sys.stderr.write(f"visitors: {error}\n")
        return 2
    except ExceptionGroup as group:
        known, other = group.split(RefusedError)
        if other is not None or known is None:
            raise
        sys.stderr.write(f"visitors: {known.exceptions[0]}\n")
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
