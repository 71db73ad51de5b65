"""Terminal output: a progress bar and tables."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def say(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")


class ProgressBar:
    """Shows finished visits and the time left on one line of standard error, if it is a terminal."""

    def __init__(self, total: int) -> None:
        """Start with the total number of visits."""
        self.total, self.done = total, 0
        self._started = self._drawn = time.monotonic()

    def __call__(self, more: int) -> None:
        """Count visits as done."""
        self.done += more
        now = time.monotonic()
        last = self.done >= self.total
        # Ten updates per second are enough for the eye.
        if not sys.stderr.isatty() or (now - self._drawn < 0.1 and not last):
            return
        self._drawn = now
        share = self.done / max(self.total, 1)
        left = (now - self._started) * (1 / share - 1) if share else 0
        bar = "█" * int(40 * share)
        sys.stderr.write(f"\r{bar:░<40} {self.done:,}/{self.total:,} visits, {left:3.0f} s left " + "\n" * last)
        sys.stderr.flush()


def table(rows: Sequence[Sequence[object]]) -> str:
    """A table with right-aligned numbers. The first row is the header."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    right = [all(isinstance(row[column], int) for row in rows[1:]) for column in range(len(widths))]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in texts
    ]
    return "\n".join([lines[0], "─" * sum((*widths, 2 * len(widths) - 2)), *lines[1:]])
