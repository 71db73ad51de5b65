"""`visitors run SCENARIO` sends visits. `visitors verify` compares them with Druid and the dashboards."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from infra.resources.superset.client import SupersetError
from visitors.access import Access, AccessError
from visitors.druid import DruidError
from visitors.ledger import TOTAL, Ledger, LedgerError
from visitors.protocol import Names, Run
from visitors.report import html
from visitors.scenario import ScenarioError, load
from visitors.sites import SitesError, for_browsers, site_of_host
from visitors.synthetic import RefusedError, Synthetic
from visitors.terminal import ProgressBar, say, table
from visitors.verify import Comparison, verify

if TYPE_CHECKING:
    from visitors.browsers import Browsers
    from visitors.scenario import Scenario

LEDGER = Path("test-results/visitors.json")
_EXPECTED = (
    ScenarioError, SitesError, LedgerError, AccessError, DruidError, SupersetError, RefusedError, OSError,
    httpx.HTTPError,
)  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Send a scenario and compare, if requested."""
    scenario: Scenario = load(arguments.scenario)
    changes = {"seed": arguments.seed, "events_per_second": arguments.rate}
    scenario = scenario.model_copy(update={name: value for name, value in changes.items() if value is not None})
    access = access_of(arguments) if arguments.outputs else None
    if arguments.verify and access is None:
        message = "--verify needs --outputs, for the addresses and logins of Druid and Superset"
        raise AccessError(message)
    origin = (arguments.url or (access.website if access else "http://localhost:8000")).rstrip("/")
    given = {name: getattr(arguments, name) for name in ("event_path", "batch_path")}
    names = replace(
        access.names if access else Names(), **{name: path for name, path in given.items() if path is not None}
    )
    sites = access.sites if access else ()
    if arguments.browsers and access:
        access.check_shop()
        sites = for_browsers(origin, sites, access.answered)
    started = int(time.time() * 1000)
    visit_run = Run(secrets.token_hex(4), origin, started, names, arguments.insecure, sites)
    ledger = send(scenario, visit_run, arguments)
    summarise(ledger, arguments.ledger)
    comparison = None
    if arguments.verify and access is not None:
        comparison = compare_with(access, ledger, arguments)
        explain(ledger, comparison)
    report(ledger, comparison, arguments.report)
    return 0 if not ledger.refused and (comparison is None or not comparison.differences) else 1


def send(scenario: Scenario, visit_run: Run, arguments: argparse.Namespace) -> Ledger:
    """Play the scenario. Always writes its ledger to disk, even after an interruption."""
    ledger = Ledger(visit_run.name, scenario.name, visit_run.started_ms, sites=site_of_host(visit_run.sites))
    progress = ProgressBar(scenario.visits)
    try:
        if arguments.browsers:
            # Only real browsers need Playwright.
            from visitors.browsers import Browsers  # noqa: PLC0415

            asyncio.run(play(Browsers(scenario, visit_run, ledger, progress, arguments.side_by_side)))
        else:
            asyncio.run(play(Synthetic(scenario, visit_run, ledger, progress)))
    finally:
        ledger.ended_ms = int(time.time() * 1000)
        ledger.save(arguments.ledger)
    return ledger


async def play(visitors: Browsers | Synthetic) -> None:
    """Run to the end or Ctrl-C. Running visits finish first, so that the ledger is exact. A second Ctrl-C aborts."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        visitors.stopping = True
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop)
    await visitors.send()


def summarise(ledger: Ledger, path: Path) -> None:
    """Print what was sent, by country, and by site if the stack lists sites."""
    shown = {
        "sessions": "visits", "unique_visitors": "visitors", "new_visitors": "new", "page_views": "page views",
        "events": "events",
    }  # fmt: skip
    for dimension in ("country", *(["site"] if ledger.sites else [])):
        values = sorted(ledger.numbers.get(dimension, {}).items(), key=lambda item: -item[1]["events"])
        values += ledger.numbers.get(TOTAL, {}).items()
        rows: list[tuple[object, ...]] = [(dimension, *shown.values())]
        rows += [(name, *(number[metric] for metric in shown)) for name, number in values]
        say(table(rows))
    seconds = max((ledger.ended_ms - ledger.started_ms) / 1000, 0.001)
    say(
        f"{ledger.visits:,} visits in {seconds:.1f} s, {ledger.acknowledged / seconds:,.0f} events a second; besides "
        f"{ledger.bot_events:,} events of bots, {ledger.duplicates_sent:,} duplicates, "
        f"{ledger.corrupt_sent:,} corrupt; {ledger.refused:,} refused, {ledger.retries:,} retried. Ledger: {path}"
    )


def explain(ledger: Ledger, comparison: Comparison) -> None:
    """Print that all numbers are equal, or the differences."""
    where = "Druid" + (f" and {comparison.charts} charts of the dashboards" if comparison.charts else "")
    if comparison.place is not None:
        say(
            "trustedProxies is empty, so the stack attributes every visit to this machine: all visits must have one "
            f"country, found {comparison.place}"
        )
    if comparison.skipped:
        say(f"not compared, because they show data that visits do not contain: {'; '.join(comparison.skipped)}")
    if not comparison.differences:
        say(
            f"equal: {comparison.compared:,} numbers in {where} match what was sent "
            f"({ledger.acknowledged:,} events of {ledger.visits:,} visits, by country, language, browser, system, "
            f"page, type and {'site, and for each site' if ledger.sites else 'site'})"
        )
        return
    rows: list[tuple[object, ...]] = [("where", "by", "value", "what", "sent", "found")]
    rows += [
        (each.source, each.dimension, each.value, each.metric, each.sent, each.found) for each in comparison.differences
    ]
    say(table(rows))
    differing = f"{len(comparison.differences):,} of {comparison.compared:,} numbers in {where}"
    say(f"NOT equal: {differing} differ from what was sent")


def report(ledger: Ledger, comparison: Comparison | None, path: Path | None) -> None:
    """The report, if requested."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html(ledger, comparison), encoding="utf-8")
        say(f"report: {path}")


def compare_with(access: Access, ledger: Ledger, arguments: argparse.Namespace) -> Comparison:
    """Compare the sent visits with what the platform stores and shows."""
    druid, dashboards = access.druid_of(arguments.datasource), access.dashboards()
    return verify(ledger, druid, dashboards, arguments.patience, addresses_trusted=access.addresses_trusted)


def access_of(arguments: argparse.Namespace) -> Access:
    """Read the access from the stack's outputs."""
    return replace(Access.read(arguments.outputs), insecure=arguments.insecure)


def check(arguments: argparse.Namespace) -> int:
    """Compare a ledger with Druid and, if access is given, with the dashboards."""
    ledger = Ledger.load(arguments.ledger)
    if arguments.outputs:
        access = access_of(arguments)
    else:
        given = {"password": arguments.password_file, "superset_password": arguments.superset_password_file}
        passwords = {name: path.read_text(encoding="utf-8").strip() for name, path in given.items() if path}
        access = Access(
            "", arguments.druid, arguments.superset, arguments.user, **passwords, insecure=arguments.insecure
        )
    comparison = compare_with(access, ledger, arguments)
    explain(ledger, comparison)
    report(ledger, comparison, arguments.report)
    return 1 if comparison.differences else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--ledger", type=Path, default=LEDGER, help="file that records the run; default: %(default)s")
    shared.add_argument("--report", type=Path, help="write an HTML page with charts")
    shared.add_argument(
        "--outputs",
        type=Path,
        help="JSON file with the stack's outputs including secrets, for addresses and logins; `-` for standard input",
    )
    shared.add_argument(
        "--insecure",
        action="store_true",
        help="accept a self-signed certificate, such as that of a stack without a domain",
    )
    shared.add_argument("--datasource", default="clickstream", help="Druid datasource; default: %(default)s")
    shared.add_argument("--patience", type=float, default=60, help="seconds to wait for the last events")
    parser = argparse.ArgumentParser(prog="visitors", description=__doc__)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="send visits", parents=[shared])
    running.add_argument("scenario", help="a shipped scenario (original, small, browsers) or a YAML file")
    running.add_argument("--url", help="the website's address, instead of the one in the outputs")
    running.add_argument("--event-path", help="path of the beacon; default: from the outputs, or /csc-event")
    running.add_argument(
        "--batch-path", help="path of the batches, empty for none; default: from the outputs, or /csc-batch"
    )
    running.add_argument("--browsers", action="store_true", help="use real browsers")
    running.add_argument("--side-by-side", type=int, default=4, help="number of concurrent browsers")
    running.add_argument("--seed", type=int, help="random seed, instead of the scenario's")
    running.add_argument("--rate", type=int, help="events per second, instead of the scenario's")
    running.add_argument("--verify", action="store_true", help="compare afterwards; needs --outputs")
    running.set_defaults(command=run)
    checking = commands.add_parser(
        "verify", help="compare what was sent with Druid and the dashboards", parents=[shared]
    )
    checking.add_argument("--druid", default="http://localhost:8888", help="the Druid router's address")
    checking.add_argument("--superset", default="", help="Superset's address; without it, only Druid is queried")
    checking.add_argument("--user", default="admin")
    checking.add_argument("--password-file", type=Path, help="file with the password of Druid's login")
    checking.add_argument("--superset-password-file", type=Path, help="file with the password of Superset's login")
    checking.set_defaults(command=check)
    return parser


def main() -> int:
    """Run a command. User errors are printed as one line."""
    arguments = parser().parse_args()
    try:
        code: int = arguments.command(arguments)
    except _EXPECTED as error:
        sys.stderr.write(f"visitors: {error}\n")
        return 2
    except ExceptionGroup as group:
        known, other = group.split(_EXPECTED)
        if other is not None or known is None:
            raise
        sys.stderr.write(f"visitors: {known.exceptions[0]}\n")
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
