"""Reports a run as a page with charts, without scripts or requests, in light and dark."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from visitors.ledger import TOTAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visitors.ledger import Ledger
    from visitors.verify import Comparison

TITLES = {
    "country": "Countries",
    "browser_language_name": "Languages",
    "browser_name": "Browsers",
    "os_name": "Systems",
    "event_type": "Kinds of events",
    "path": "Pages",
    "site": "Sites",
}
MOST_BARS = 12
WIDTH, HEIGHT, COLUMNS = 960, 180, 120
"""Size of the chart over time in pixels, and its most columns."""

_STYLE = """
:root { color-scheme: light dark; --bar: #2a78d6; --ink: #1b1f24; --quiet: #5c6670; --line: #d9dee3; --good: #18794e;
  --bad: #b42318; --page: #fff; --tile: #f5f7f9; font: 1rem/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --bar: #5b9bea; --ink: #e8ebee; --quiet: #9aa4ae; --line: #333a41;
  --good: #57c08b; --bad: #ff8a7a; --page: #14181c; --tile: #1d2227; } }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--page); }
h1 { margin-bottom: 0; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.1rem; }
p.quiet { color: var(--quiet); margin-top: 0; }
.verdict { border-left: .3rem solid var(--good); padding: .5rem 1rem; background: var(--tile); }
.verdict.bad { border-color: var(--bad); } .verdict strong { color: var(--good); }
.verdict.bad strong { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.tiles div { background: var(--tile); padding: .6rem .9rem; border-radius: .4rem; } .tiles dt { color: var(--quiet);
  font-size: .85rem; } .tiles dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 0 2.5rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--quiet); font-size: .85rem; }
th { font-weight: 400; text-align: left; white-space: nowrap; padding: .25rem .8rem .25rem 0; }
td.number { text-align: right; font-variant-numeric: tabular-nums; padding: .25rem 0 .25rem .8rem; width: 1%; }
td.bar { width: 60%; } td.bar svg { display: block; width: 100%; height: .9rem; } rect { fill: var(--bar); }
table.plain td, table.plain th { border-bottom: 1px solid var(--line);
  padding: .25rem .8rem .25rem 0; text-align: left; }
svg text { fill: var(--quiet); font-size: 12px; } svg .axis { stroke: var(--line); } svg { max-width: 100%; }
"""


def _bars(dimension: str, sent: Mapping[str, int]) -> str:
    """One bar per value, in descending order, and the rest combined."""
    ordered = sorted(sent.items(), key=lambda item: (-item[1], item[0]))
    most = ordered[0][1] if ordered else 1
    rest = ordered[MOST_BARS:]
    rows = "".join(
        f'<tr><th scope="row">{escape(value)}</th><td class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" '
        f'aria-hidden="true"><rect width="{100 * count / most:.2f}" height="10"/></svg></td>'
        f'<td class="number">{count:,}</td></tr>'
        for value, count in ordered[:MOST_BARS]
    )
    if rest:
        rows += (
            f'<tr><th scope="row">{len(rest)} others</th><td></td>'
            f'<td class="number">{sum(count for _, count in rest):,}</td></tr>'
        )
    return f"<section><h2>{TITLES[dimension]}</h2><table><caption>events of people</caption>{rows}</table></section>"


def _timeline(ledger: Ledger) -> str:
    """Acknowledged events per second during the run."""
    if not ledger.per_second:
        return ""
    seconds = max(ledger.per_second) + 1
    width = -(-seconds // COLUMNS)
    columns = [
        sum(ledger.per_second[second] for second in range(start, start + width)) / min(width, seconds - start)
        for start in range(0, seconds, width)
    ]
    most = max(columns)
    left, step = 48, (WIDTH - 48) / len(columns)
    bars = "".join(
        f'<rect x="{left + index * step + 0.5:.2f}" y="{HEIGHT - HEIGHT * rate / most:.2f}" '
        f'width="{max(step - 1, 0.5):.2f}" height="{HEIGHT * rate / most:.2f}"/>'
        for index, rate in enumerate(columns)
    )
    lines = "".join(
        f'<line class="axis" x1="{left}" x2="{WIDTH}" y1="{HEIGHT - HEIGHT * share:.0f}" '
        f'y2="{HEIGHT - HEIGHT * share:.0f}"/><text x="{left - 6}" y="{HEIGHT - HEIGHT * share + 4:.0f}" '
        f'text-anchor="end">{most * share:,.0f}</text>'
        for share in (0, 0.5, 1)
    )
    return (
        "<h2>Events a second</h2>"
        f'<svg viewBox="0 -10 {WIDTH} {HEIGHT + 34}" role="img" '
        f'aria-label="Acknowledged events a second over {seconds} seconds, at most {most:,.0f}">'
        f'{lines}{bars}<text x="{left}" y="{HEIGHT + 18}">0 s</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 18}" text-anchor="end">{seconds} s</text></svg>'
    )


def _verdict(comparison: Comparison | None) -> str:
    if comparison is None:
        return '<p class="verdict bad"><strong>Not compared.</strong> <code>visitors verify</code> does that.</p>'
    where = "Druid" + (f" and {comparison.charts} charts of the dashboards" if comparison.charts else "")
    if not comparison.differences:
        return (
            f'<p class="verdict"><strong>Equal.</strong> {comparison.compared:,} numbers in {where} match what '
            "was sent: by country, language, browser, system, page, kind of event and site, and in total.</p>"
        )
    rows = "".join(
        f"<tr><td>{escape(each.source)}</td><td>{escape(each.dimension)}</td><td>{escape(each.value)}</td>"
        f'<td>{escape(each.metric)}</td><td class="number">{each.sent:,}</td>'
        f'<td class="number">{each.found:,}</td></tr>'
        for each in comparison.differences
    )
    names = ("where", "by", "value", "what", "sent", "found")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        f'<p class="verdict bad"><strong>Not equal.</strong> {len(comparison.differences):,} of '
        f"{comparison.compared:,} numbers in {where} differ from what was sent.</p>"
        f'<table class="plain"><tr>{head}</tr>{rows}</table>'
    )


def html(ledger: Ledger, comparison: Comparison | None = None) -> str:
    """The whole page."""
    seconds = (ledger.ended_ms - ledger.started_ms) / 1000
    total = ledger.numbers.get(TOTAL, {}).get("all", {})
    figures = {
        "Visits": ledger.visits,
        "Visitors": total.get("unique_visitors", 0),
        "Page views": total.get("page_views", 0),
        "Events": ledger.acknowledged,
        "Events a second": round(ledger.acknowledged / seconds) if seconds else 0,
        "Events of bots": ledger.bot_events,
        "Duplicates sent": ledger.duplicates_sent,
        "Corrupt sent": ledger.corrupt_sent,
        "Refused": ledger.refused,
    }
    tiles = "".join(f"<div><dt>{name}</dt><dd>{value:,}</dd></div>" for name, value in figures.items())
    shown = [name for name in TITLES if name != "site" or ledger.sites]
    charts = "".join(_bars(name, ledger.sent(name, "events")) for name in shown)
    title = f"Visitors: {ledger.scenario}"
    began = datetime.fromtimestamp(ledger.started_ms / 1000, UTC)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f'<p class="quiet">Run {escape(ledger.run)}, {began:%Y-%m-%d %H:%M:%S} UTC, {seconds:,.0f} s, '
        f'{escape(ledger.mode)}.</p>{_verdict(comparison)}<dl class="tiles">{tiles}</dl>'
        f'{_timeline(ledger)}<div class="pair">{charts}</div></main></body></html>\n'
    )
