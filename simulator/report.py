"""A run as a page with charts; no scripts, no requests."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter

    from simulator.ledger import Ledger

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
meter { width: 100%; }
"""


def _chart(title: str, counts: Counter[str]) -> str:
    most = max(counts.values(), default=1)
    rows = "".join(
        f"<tr><td>{escape(value)}</td><td class=number>{count:,}</td>"
        f"<td><meter max={most} value={count}>{count}</meter></td></tr>"
        for value, count in counts.most_common()
    )
    head = "<tr><th scope=col>value</th><th scope=col>events</th><th scope=col>share</th></tr>"
    return f"<h2>{escape(title)}</h2><table>{head}{rows}</table>"


def html(ledger: Ledger) -> str:
    """The whole page."""
    seconds = (ledger.ended_ms - ledger.started_ms) / 1000
    figures = {
        "visits": ledger.visits,
        "events acknowledged": ledger.acknowledged,
        "events of bots": ledger.bot_events,
        "duplicates sent": ledger.duplicates_sent,
        "corrupt sent": ledger.corrupt_sent,
        "events a second": round(ledger.acknowledged / seconds) if seconds else 0,
    }
    rows = "".join(f"<tr><td>{name}</td><td class=number>{value:,}</td></tr>" for name, value in figures.items())
    charts = "".join(_chart(name.replace("_", " "), counts) for name, counts in ledger.counts.items())
    title = f"Visitors: {ledger.scenario}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>Run {escape(ledger.run)}, {seconds:.0f} s.</p>"
        f"<table>{rows}</table>{charts}</body></html>\n"
    )
