"""Pulumi's log without a terminal: what is done, and now and then what takes long."""

import re
import time
from collections.abc import Callable, Iterable, Iterator

QUIET_SECONDS, SAME_SECONDS = 20.0, 60.0
"""How long nothing more is printed of a resource that is still busy, and of one that is busy with the same thing."""

LONGEST = 140
ROW = re.compile(
    r"(?P<step> *[-+~]* +(?P<resource>(?P<type>[\w:/.-]+:\S+) \S+)"
    r" (?P<state>[a-z]+(?: replacement| original)?)(?: \([\w.]+\))?)(?: (?P<detail>.*))?",
    re.DOTALL,
)
"""A resource with its state, for example `creating (12s)`. What its provider reports comes last."""

BUSY = ("creating", "updating", "deleting", "refreshing", "reading")
SLOW = re.compile(r"docker-build:.*|pulumi-python:dynamic/.*")
"""Types whose start is worth a line; of the others, Pulumi prints more rows if they take long."""

COMPONENT = "clickstream:"
"""Types that only group others."""

BUILDKIT = re.compile(r"#\d+ (?:\[(?P<stage>[^\]]+)\] (?P<command>.*))?")
"""BuildKit's log. Only the headline of a step has a stage; the rest is what the step's program prints."""

MOUNT = re.compile(r"--mount=\S+\s+")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def readable(lines: Iterable[str], now: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """The lines worth showing, without their ends.

    Give lines as they end with a line feed: programs that draw progress put carriage returns into theirs.
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
        """The row as it is printed; empty for one that is not."""
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
    """What a terminal would show of a line that was drawn over and over."""
    return next((part for part in reversed(text.split("\r")) if part.strip()), "")
