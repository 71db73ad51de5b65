"""Pulumi's log without a terminal: finished steps and, from time to time, steps that take long."""

import re
import time
from collections.abc import Callable, Iterable, Iterator

QUIET_SECONDS, SAME_SECONDS = 20.0, 60.0
"""Seconds between lines about a busy resource, and about one whose detail has not changed."""

LONGEST = 140
ROW = re.compile(
    r"(?P<step> *[-+~]* +(?P<resource>(?P<type>[\w:/.-]+:\S+) \S+)"
    r" (?P<state>[a-z]+(?: replacement| original)?)(?: \([\w.]+\))?)(?: (?P<detail>.*))?",
    re.DOTALL,
)
"""A resource with its state, for example `creating (12s)`, followed by its provider's report."""

BUSY = ("creating", "updating", "deleting", "refreshing", "reading")
SLOW = re.compile(r"docker-build:.*|pulumi-python:dynamic/.*")
"""Types whose start is worth a line. For other types, Pulumi prints more rows if they take long."""

COMPONENT = "clickstream:"
"""Types that only group other resources."""

BUILDKIT = re.compile(r"#\d+ (?:\[(?P<stage>[^\]]+)\] (?P<command>.*))?")
"""BuildKit's log. Only a step's headline has a stage. The rest is the output of the step's program."""

MOUNT = re.compile(r"--mount=\S+\s+")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def readable(lines: Iterable[str], now: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """Filters the lines worth showing.

    Split the input at line feeds only, since programs that draw progress use carriage returns within lines.
    """
    rows = _Rows(now)
    for line in lines:
        text = CONTROL.sub("", line.rstrip("\r\n"))
        if row := ROW.fullmatch(text):
            if shown := rows.shown(row):
                yield shown
        elif not text.startswith("@ "):
            yield _last_drawn(text)


class _Rows:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._printed: dict[str, tuple[float, str]] = {}
        self._build_steps: dict[str, str] = {}
        self._last: dict[str, str] = {}

    def shown(self, row: re.Match[str]) -> str:
        """The row to print. Empty if it should not be printed."""
        busy = row["state"].split()[0] in BUSY
        detail, resource = self._detail(row, busy=busy), row["resource"]
        text = f"{row['step']} {detail}".rstrip()
        if text == self._last.get(resource) or (row["type"].startswith(COMPONENT) and text == row["step"]):
            return ""
        if busy:
            if text.endswith("(0s)") and not SLOW.fullmatch(row["type"]):
                return ""
            at = self._now()
            before, said = self._printed.get(resource, (-SAME_SECONDS, ""))
            if at - before < (SAME_SECONDS if detail == said else QUIET_SECONDS):
                return ""
            self._printed[resource] = at, detail
            text = text[:LONGEST]
        self._last[resource] = text
        return text

    def _detail(self, row: re.Match[str], *, busy: bool) -> str:
        detail = row["detail"] or ""
        build = BUILDKIT.match(detail)
        if build is None:
            return _last_drawn(detail)
        if build["stage"]:
            self._build_steps[row["resource"]] = f"[{build['stage']}] {MOUNT.sub('', build['command'])}"
        return self._build_steps.get(row["resource"], "") if busy else ""


def _last_drawn(text: str) -> str:
    """The final text of a line that was redrawn with carriage returns."""
    return next((part for part in reversed(text.split("\r")) if part.strip()), "")
