"""Runs the matrix on a stack of its own: `python -m tests.faults [--only TEXT ...] [--seed N] [--list]`.

The exit status is 1 if a fault lost an acknowledged event, counted one twice, or the platform did not recover.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys

from tests.faults import report
from tests.faults.matrix import FAULTS
from tests.faults.platform import platform
from tests.faults.run import SHOWN, Outcome, check, run
from tests.support.waiting import until


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", metavar="TEXT", help="faults whose names hold one of these texts")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 - it is printed
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if not options.only or any(text in fault.name for text in options.only)]
    if options.list or not chosen:
        say(*(fault.name for fault in (chosen or FAULTS)))
        return 0 if chosen else 2
    started, revision, name = report.now(), report.commit(), secrets.token_hex(3)
    say(f"{len(chosen)} faults, seed {options.seed}, commit {revision}")
    outcomes: list[Outcome] = []
    with platform() as running:
        until(lambda: running.engine.ping(), what="an engine", seconds=60)
        try:
            for number, fault in enumerate(chosen):
                outcomes.append(run(running, fault, f"{name}-{number}-", options.seed))
                say(summary(outcomes[-1]))
        finally:
            # What comes late counts too.
            for outcome in outcomes:
                check(running, outcome)
            report.append([report.line(outcome, started, revision) for outcome in outcomes])
            report.write()
    bad = [outcome for outcome in outcomes if not outcome.is_good]
    for outcome in bad:
        say(f"NOT MET: {summary(outcome)}")
    return 1 if bad else 0


def summary(outcome: Outcome) -> str:
    """For the terminal."""
    told = outcome.told
    recovery = "NOT RECOVERED" if outcome.recovery is None else f"recovered after {outcome.recovery:.0f} s"
    parts = [
        f"{outcome.fault.name}: {len(told.acknowledged)} acknowledged, {told.refusals} refused, {told.silences} without"
        f" an answer, {recovery}, no dashboards for {outcome.no_dashboards:.0f} s"
    ]
    found = {what: sorted(getattr(outcome, what)) for what in ("missing", "repeated", "only_marked")}
    parts += [
        f"{len(events)} {what.replace('_', ' ')}: {', '.join(events[:SHOWN])}"
        for what, events in found.items()
        if events
    ]
    return "; ".join(parts)


def say(*lines: str) -> None:
    """Tell the terminal at once."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
