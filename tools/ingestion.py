"""Inspects Druid's ingestion: `python tools/ingestion.py sample|status --stack dev`.

`sample` runs Druid's sampler on the newest records of a table's topic, with the current spec from druid_specs/ (not the
running one), and prints the resulting rows. `status` prints for every table how many records became rows and which
rules drop events, then the segments that Druid has stored but not loaded.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from infra.platform.ingestion import TABLES, Table
from infra.resources.common.ssh import SshError
from infra.resources.druid.client import DruidClient, DruidError
from infra.resources.druid.drops import drop_rules
from infra.resources.druid.row_stats import Rows, by_task, counts
from infra.resources.druid.sampler import sampler
from infra.resources.druid.spec import SpecFileError, dimensions, issues, load_json
from infra.resources.kafka.client import KafkaRestClient, KafkaRestError
from toolchain import environment
from toolchain.paths import SetupError
from tools import service_health
from tools.admin_pages import druid_of, kafka_of
from tools.ingestion_segments import storage
from tools.stack import outputs

COLUMNS = ("event_type", "path", "country", "city", "browser_name", "os_name", "event_id", "stage", "source", "reason")
"""Columns to show first, as many as fit the terminal."""
UNHEALTHY = 3
"""Exit status of `status` if a service keeps failing. 1 means that the tool itself failed."""


def sample(druid: DruidClient, kafka: KafkaRestClient, spec: Mapping[str, Any], rows: int) -> str:
    """A table of the newest events as rows."""
    topic = spec["spec"]["ioConfig"]["topic"]
    events = kafka.newest(topic, rows)
    if not events:
        return f"{topic} holds no record" + ("; `make visit` sends some events" if topic == TABLES[0].topic else "")
    data = druid.sample(sampler(spec, events))["data"]
    kept = [{**row["parsed"], "__time": _moment(row["parsed"]["__time"])} for row in data if row.get("parsed")]
    bad = [row for row in data if row.get("unparseable") or row.get("error")]
    filtered = len(events) - len(kept) - len(bad)
    lines = table(kept, _columns(spec, kept), shutil.get_terminal_size((160, 24)).columns)
    lines += [f"unparseable: {row.get('error')}" for row in bad]
    summary = f"{len(events)} newest records of {topic}: {len(kept)} rows, {filtered} filtered, {len(bad)} unparseable"
    return "\n".join([*lines, "", summary])


def _columns(spec: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The time, the most useful columns, then all other columns with values."""
    known = [*(name for name in COLUMNS if name in dimensions(spec)), *dimensions(spec)]
    filled = [name for name in dict.fromkeys(known) if any(row.get(name) is not None for row in rows)]
    return ["__time", *filled]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int) -> list[str]:
    """Lines of at most `width` characters. Lists columns that do not fit below."""
    cells = {name: [name, *(_cell(row.get(name)) for row in rows)] for name in columns}
    shown: list[str] = []
    room = width
    for name, column in cells.items():
        room -= max(map(len, column)) + 2
        if shown and room < 0:
            break
        shown.append(name)
    widths = {name: max(map(len, cells[name])) for name in shown}
    lines = [
        "  ".join(cells[name][line].ljust(widths[name]) for name in shown).rstrip() for line in range(len(rows) + 1)
    ]
    lines.insert(1, "  ".join("-" * widths[name] for name in shown))
    hidden = [name for name in columns if name not in shown]
    return [*lines, f"also: {', '.join(hidden)}"] if hidden else lines


def _moment(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 32 else f"{text[:31]}…"


def status(druid: DruidClient, supervisor_id: str) -> str:
    """Counts of records by task and outcome, and the newest unparseable records."""
    found = druid.supervisor_status(supervisor_id)
    if found is None:
        message = f"Druid has no supervisor {supervisor_id}; `make up` recreates it"
        raise DruidError(message)
    lag = "unknown" if found.lag is None else f"{found.lag} records"
    lines = [f"{supervisor_id}: {found.state}, {'healthy' if found.healthy else 'NOT HEALTHY'}, behind by {lag}", ""]
    lines += [f"error: {error}" for error in found.errors]
    rows = [*by_task(druid, supervisor_id)]
    total = counts(druid, supervisor_id)
    lines += table(
        [_counted(name, of_task) for name, of_task in [*rows, ("all", total)]],
        ("task", "read", "rows", "rows with errors", "filtered", "unparseable"),
        200,
    )
    spec = druid.supervisor_spec(supervisor_id)
    lines += [f"left out by the running spec: {rule}" for rule in (drop_rules(spec) if spec else ())]
    for error in druid.parse_errors(supervisor_id):
        lines.append(f"unparseable: {'; '.join(map(str, error.get('details', [])))}\n  {str(error.get('input'))[:400]}")
    return "\n".join(lines)


def _counted(name: str, rows: Rows) -> dict[str, Any]:
    return {
        "task": name,
        "read": rows.read,
        "rows": rows.ingested + rows.with_errors,
        "rows with errors": rows.with_errors,
        "filtered": rows.filtered,
        "unparseable": rows.unparseable,
    }


def checked(table: Table) -> dict[str, Any]:
    """The spec in the table's file. SpecFileError lists all its errors."""
    spec = load_json(table.file)
    if wrong := issues(spec, table.schema):
        raise SpecFileError("\n".join(f"druid_specs/{table.file.name}: {path}: {reason}" for path, reason in wrong))
    return spec


def run(options: argparse.Namespace, found: Mapping[str, Any]) -> str:
    """The text to print, given the stack's outputs."""
    with druid_of(found) as druid:
        if options.command == "status":
            return "\n\n".join([*(status(druid, table.name) for table in TABLES), storage(druid)])
        spec = checked(next(table for table in TABLES if table.name == options.table))
        with kafka_of(found) as kafka:
            return sample(druid, kafka, spec, options.rows)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Inspect Druid's ingestion.")
    parser.add_argument("command", choices=("sample", "status"))
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--rows", type=int, default=12)
    names = [table.name for table in TABLES]
    parser.add_argument("--table", choices=names, default=names[0], help="whose records to sample")
    options = parser.parse_args()
    try:
        found = outputs(options.stack, environment.full())
        healthy = options.command != "status" or service_health.show(options.stack, found)
        print(run(options, found))
    except (SetupError, SpecFileError, DruidError, KafkaRestError, SshError, httpx.TransportError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if healthy else UNHEALTHY


if __name__ == "__main__":
    sys.exit(main())
