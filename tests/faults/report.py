"""The history of runs, and the table in docs/reliability.md that is made of it."""

from __future__ import annotations

import csv
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.paths import ROOT
from tests.faults.matrix import FAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.faults.run import Outcome

DOCUMENT = ROOT / "docs" / "reliability.md"
HISTORY = ROOT / "docs" / "reliability-runs.csv"
BEGIN, END = "<!-- made by `make faults` -->", "<!-- end of what `make faults` made -->"
COLUMNS = (
    "started", "commit", "fault", "acknowledged", "missing", "repeated", "only_marked", "refused", "unanswered",
    "recovery_seconds", "slowest_answer_seconds", "no_dashboards_seconds",
)  # fmt: skip


def commit() -> str:
    """The commit that runs; a + for changes that are in none."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def now() -> str:
    """When a run starts."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def line(outcome: Outcome, started: str, revision: str) -> dict[str, str]:
    """A line of the history."""
    told = outcome.told
    recovery = "" if outcome.recovery is None else f"{outcome.recovery:.0f}"
    values = (
        started, revision, outcome.fault.name, len(told.acknowledged), len(outcome.missing), len(outcome.repeated),
        len(outcome.only_marked), told.refusals, told.silences, recovery, f"{told.slowest:.1f}",
        f"{outcome.no_dashboards:.0f}",
    )  # fmt: skip
    return dict(zip(COLUMNS, map(str, values), strict=True))


def append(lines: list[dict[str, str]], history: Path = HISTORY) -> None:
    """Add a run to the history."""
    is_new = not history.exists()
    with history.open("a", newline="") as file:
        writer = csv.DictWriter[str](file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(lines)


def newest(history: Path = HISTORY) -> dict[str, dict[str, str]]:
    """The last line of each fault."""
    with history.open(newline="") as file:
        return {row["fault"]: row for row in csv.DictReader(file)}


def table(rows: Mapping[str, Mapping[str, str]]) -> str:
    """Of the faults in the matrix, in its order."""
    heads = (
        "fault", "acknowledged", "missing", "counted twice", "counted as duplicate only", "refused (503 and the like)",
        "without an answer", "recovered after", "slowest answer", "dashboards without an answer", "run",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for fault in FAULTS:
        row = rows.get(fault.name)
        if row is None:
            continue
        recovery = f"{row['recovery_seconds']} s" if row["recovery_seconds"] else "not in 5 minutes"
        cells = [
            row["fault"], row["acknowledged"], row["missing"], row["repeated"], row["only_marked"], row["refused"],
            row["unanswered"], recovery, f"{row['slowest_answer_seconds']} s", f"{row['no_dashboards_seconds']} s",
            f"{row['started']}, {row['commit']}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    commands = [f"* {fault.name}: `{fault.command}`" for fault in FAULTS if fault.name in rows]
    return "\n".join([*lines, "", "By hand:", "", *commands])


def write(document: Path = DOCUMENT, history: Path = HISTORY) -> None:
    """Put the table into the document."""
    text = document.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    document.write_text(f"{before}{BEGIN}\n{table(newest(history))}\n{END}{after}")
