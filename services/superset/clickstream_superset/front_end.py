"""Changes to Superset's built front end, where Superset has no setting. Run by the image build on its folder.

Text of visitors is shown as text. Paths, referrers, campaigns and event types are chosen by whoever sends an event.
Superset sanitises them and shows what is left as HTML: links and pictures stay, under the operator's eyes.

A chart without rows has a text that fits a new platform.

The build fails where another release of Superset has other code.
"""

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Change:
    """`old` is in exactly `times` places of the front end and becomes `new`. `what` is for the message."""

    what: str
    old: str
    new: str
    times: int = 1


_FORM = (
    'name:"allow_render_html",config:{type:"CheckboxControl",label:(0,O.t)("Render columns in HTML format"),'
    "renderTrigger:!0,default:"
)
# Before a name in a tooltip stands the marker of its series: a small span that ECharts or Superset made. Only what they
# write is taken for one, so that a visitor's text can neither cover the page nor load anything.
_COLOUR = r"(?:#\w+|\w+|rgba?\([\d, .]+\))"
MARKER = (
    r'^<span style="\s*display:inline-block;(?:\s*(?:vertical-align:middle|'
    r"(?:margin-right|margin-left|width|height|border-radius|border-bottom-right-radius):\d{1,2}(?:px|%)?|"
    rf"border-(?:left|right|bottom):\d{{1,2}}px solid {_COLOUR}|background(?:-color)?:{_COLOUR}|"
    r'transform: rotate\(45deg\) translateX\(1px\) translateY\(-1px\));?)+\s*"><\/span>'
)
_ESCAPE = (
    'x=s=>s.replace(/</g,"&lt;").replace(/>/g,"&gt;"),'
    f'y=s=>{{if("string"!=typeof s)return s;let m=(s.match(/{MARKER}/)||[""])[0];return m+x(s.slice(m.length))}};'
    't="string"==typeof t?x(t):t;e=e.map(e=>e.map(y));'
)
_TOOLTIP = 'let l=t?`<span style="font-weight: 700;${o}">${t}</span>`'
CHANGES = (
    Change("the form of tables and pivot tables", f"{_FORM}!0", f"{_FORM}!1", times=2),
    Change("tables that set nothing", "allowRenderHtml:V=!0", "allowRenderHtml:V=!1"),
    Change(
        "samples, results and drill to detail",
        '"string"==typeof e?(0,o.nn)(e):String(e)',
        "String(e)",
    ),
    Change("results of SQL Lab", 'n&&"string"==typeof e?(0,_.nn)(i):i', "i"),
    Change("tables of many rows", 'p&&"string"==typeof c&&(c=(0,_.nn)(c)),', ""),
    Change(
        "title of a chart without rows",
        '(0,h.t)("No results were returned for this query")',
        '"Nothing here yet"',
    ),
    Change(
        "text of a chart without rows",
        ':void 0,U="chart.svg"',
        ':"No events match the time range and the filters.",U="chart.svg"',
    ),
    Change("a cell without a value", '[!1,"N/A"]', '[!1,"\u2013"]'),
    Change("tooltips of ECharts", f"function l(e,t,r){{{_TOOLTIP}", f"function l(e,t,r){{let {_ESCAPE}{_TOOLTIP}"),
)


def apply(folder: Path, changes: tuple[Change, ...] = CHANGES) -> None:
    """Make every change.

    Raises:
        ValueError: a change's code is not there as often as expected; nothing is written then.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js"))}
    for change in changes:
        found = sum(text.count(change.old) for text in texts.values())
        if found != change.times:
            message = f"{change.what}: {folder} has the code {found} times, expected {change.times}; adapt {__file__}"
            raise ValueError(message)
    for path, text in texts.items():
        changed = text
        for change in changes:
            changed = changed.replace(change.old, change.new)
        if changed != text:
            path.unlink()  # it may be a hard link into the package manager's cache
            path.write_text(changed, encoding="utf-8")


if __name__ == "__main__":
    apply(Path(sys.argv[1]))
