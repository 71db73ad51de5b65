"""Every chart of the dashboards: the figure that it must show, computed from Druid's plain rows.

A chart over time is `{beginning of the hour or minute: {name: number}}`; see computed.py for the others.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.computed import (
    HOUR,
    MINUTE,
    Figure,
    Row,
    bounce_rate,
    by,
    channel,
    distinct,
    each,
    engaged,
    entries,
    exits,
    kind,
    lasted,
    new_visitors,
    page_views,
    people,
    reached,
    read_share,
    referring_site,
    sessions,
    views,
    visitors,
)

Figures = dict[str, Callable[[list[Row]], Figure]]
LENGTHS = {"0 s": 0, "10 s": 10, "30 s": 30, "1 min": 60, "3 min": 180, "10 min": 600, "30 min": 1800}


def _lately(rows: list[Row], minutes: float = 30) -> list[Row]:
    """Of people, in the last minutes: what the dashboard Live looks at."""
    since = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    return [row for row in people(rows) if row["__time"] >= since]


def _begun(rows: list[Row]) -> list[Row]:
    return [row for row in people(rows) if row["is_first_in_session"]]


def _tagged(rows: list[Row], *names: str) -> list[Row]:
    return [row for row in _begun(rows) if any(row[name] is not None for name in names)]


def _referred(rows: list[Row]) -> list[Row]:
    return [row for row in _begun(rows) if referring_site(row) is not None]


def _signals(rows: list[Row]) -> list[Row]:
    return [row for row in people(rows) if row["event_type"] != "pageView"]


def _top(figure: Figure, most: int) -> Figure:
    return dict(sorted(figure.items(), key=lambda item: -item[1])[:most])


def _over_time(rows: list[Row], unit: int, **series: Callable[[list[Row]], float]) -> Figure:
    return {
        begun: {name: measure(found) for name, measure in series.items()}
        for begun, found in by(rows, lambda row: row["__time"][:unit]).items()
    }


def _split(
    rows: list[Row], unit: int, name: str | Callable[[Row], Any], measure: Callable[[list[Row]], float]
) -> Figure:
    return {
        begun: each(by(found, name), measure) for begun, found in by(rows, lambda row: row["__time"][:unit]).items()
    }


def _ratio(
    above: Callable[[list[Row]], float], below: Callable[[list[Row]], float]
) -> Callable[[list[Row]], float | None]:
    return lambda rows: above(rows) / below(rows) if below(rows) else None


def place(name: str) -> Callable[[Row], str]:
    """The column's value, as the dashboards show one that is not known."""
    return lambda row: row[name] or "unknown"


def _on_map(rows: list[Row], measure: Callable[[list[Row]], float]) -> Figure:
    return each(by([row for row in rows if row["country_code"]], "country_code"), measure)


def _cities(rows: list[Row]) -> Figure:
    return by(people(rows), place("city"), place("country"))


def _bytes(rows: list[Row]) -> int:
    return sum(row["bytes"] for row in rows)


def _exit_pages(rows: list[Row]) -> Figure:
    left, seen = exits(people(rows)), each(by(views(people(rows)), "path"), len)
    return {page: (left[page], left[page] / count, count) for page, count in seen.items()}


PER_SESSION = _ratio(page_views, sessions)
PER_VIEW = _ratio(engaged, page_views)

LIVE: Figures = {
    "Visitors in the last 5 minutes": lambda rows: visitors(_lately(rows, 5)),
    "Visitors in the last 30 minutes": lambda rows: visitors(_lately(rows)),
    "Views in the last 30 minutes": lambda rows: _over_time(_lately(rows), MINUTE, page_views=page_views),
    "Page views by minute and device": lambda rows: _split(_lately(rows), MINUTE, "device_class", page_views),
    "Where visitors are": lambda rows: _on_map(_lately(rows), visitors),
    "Pages being read": lambda rows: each(by(_lately(rows), "path"), visitors, page_views),
    "Traffic sources": lambda rows: each(by(_begun(_lately(rows)), channel, referring_site), sessions),
    "Cities": lambda rows: each(_cities(_lately(rows)), visitors),
}
AUDIENCE: Figures = {
    "Unique visitors": lambda rows: visitors(people(rows)),
    "Sessions": lambda rows: sessions(people(rows)),
    "New visitors": lambda rows: new_visitors(people(rows)),
    "Pages per session": lambda rows: PER_SESSION(people(rows)),
    "Bounce rate": lambda rows: bounce_rate(people(rows)),
    "Engaged time per session": lambda rows: engaged(people(rows)) / sessions(people(rows)),
    "New and returning visitors by hour": lambda rows: _over_time(
        people(rows),
        HOUR,
        new_visitors=new_visitors,
        returning_visitors=lambda found: visitors(found) - new_visitors(found),
    ),
    "Devices": lambda rows: each(by(people(rows), "device_class"), visitors),
    "Sessions lasting at least": lambda rows: {
        name: count for name, length in LENGTHS.items() if (count := lasted(people(rows), length))
    },
    "Browsers": lambda rows: _top(each(by(people(rows), "browser_name"), visitors), 10),
    "Operating systems": lambda rows: _top(each(by(people(rows), "os_name"), visitors), 10),
    "Languages": lambda rows: _top(each(by(people(rows), place("browser_language_name")), visitors), 10),
    "Visitors by country": lambda rows: _on_map(people(rows), visitors),
    "Countries": lambda rows: each(by(people(rows), place("country")), visitors, sessions, page_views, bounce_rate),
    "Cities": lambda rows: each(_cities(rows), visitors, sessions, page_views),
}
CONTENT: Figures = {
    "Page views": lambda rows: page_views(people(rows)),
    "Entries": lambda rows: entries(people(rows)),
    "Time per view": lambda rows: PER_VIEW(people(rows)),
    "Read to 75%": lambda rows: read_share(people(rows)),
    "Pages": lambda rows: each(by(people(rows), "path"), page_views, visitors, entries, PER_VIEW, read_share),
    "Entry pages": lambda rows: _top(each(by(views(_begun(rows)), "path"), entries), 10),
    "Exit pages": _exit_pages,
    "How far pages are read": lambda rows: {f"{depth} %": reached(people(rows), depth) for depth in (25, 50, 75, 100)},
    "Engaged time per view, by page": lambda rows: _top(each(by(people(rows), "path"), PER_VIEW), 10),
    "Signals": lambda rows: each(by(_signals(rows), "event_type"), len, sessions),
}
UTM = ("utm_source", "utm_medium", "utm_campaign")
ACQUISITION: Figures = {
    "Sessions started": lambda rows: sessions(_begun(rows)),
    "From campaigns": lambda rows: sessions(_tagged(rows, *UTM, "click_id_name")),
    "New visitors": lambda rows: new_visitors(_begun(rows)),
    "Channels": lambda rows: each(by(_begun(rows), channel), sessions),
    "Sessions by hour and channel": lambda rows: _split(_begun(rows), HOUR, channel, sessions),
    "Referring sites": lambda rows: each(by(_referred(rows), referring_site), sessions, visitors, new_visitors),
    "Campaigns": lambda rows: each(by(_tagged(rows, *UTM), *UTM), sessions, visitors, new_visitors),
    "Campaign terms and content": lambda rows: each(
        by(_tagged(rows, "utm_term", "utm_content"), "utm_campaign", "utm_term", "utm_content"), sessions
    ),
    "Advertising click IDs": lambda rows: each(by(_tagged(rows, "click_id_name"), "click_id_name"), sessions),
}
QUALITY: Figures = {
    "Events in Druid": len,
    "Segments not loaded": lambda _: 0,
    "Duplicates": lambda rows: sum(row["is_duplicate"] for row in rows) / len(rows),
    "Bots": lambda rows: sum(row["is_bot"] for row in rows) / len(rows),
    "Events by minute and kind": lambda rows: _split(rows, MINUTE, kind, len),
    "Sources": lambda rows: each(by(rows, "event_source"), len),
    "Crawlers of AI models": lambda rows: each(
        by(
            [row for row in rows if (row["bot_group"] or "").startswith("AI ")], "bot_operator", "bot_name", "bot_group"
        ),
        len,
        lambda found: distinct(found, "location"),
    ),
    "Bots by user agent": lambda rows: each(by([row for row in rows if row["is_bot"]], "navigator_user_agent"), len),
}
DEAD_LETTERS: Figures = {
    "Dead letters": len,
    "Dead letters by minute and stage": lambda letters: _split(letters, MINUTE, "stage", len),
    "Dead letters by reason": lambda letters: each(by(letters, "stage", "source", "reason"), len, _bytes),
}
"""On the dashboard Quality; computed from Kafka's dead letters, not from Druid's rows."""
ANALYTICS: Figures = {
    "World's Population": lambda rows: _over_time(people(rows), MINUTE, page_views=page_views),
    "World Map": lambda rows: _on_map(people(rows), page_views),
    "Countries": lambda rows: each(by(people(rows), place("country")), page_views),
    "OS Breakdown pie": lambda rows: each(by(people(rows), "os_name"), page_views),
    "OS Breakdown table": lambda rows: each(by(people(rows), "os_name"), page_views),
    "Browser breakdown": lambda rows: each(by(people(rows), "browser_name"), page_views),
    "Browser Breakdown": lambda rows: each(by(people(rows), "browser_name"), page_views),
    "Most Populated Countries": lambda rows: each(by(people(rows), place("country")), page_views),
    "Growth Rate": lambda rows: _split(people(rows), MINUTE, place("country"), page_views),
    "World's Country Growth": lambda rows: _split(people(rows), MINUTE, place("country"), page_views),
}
DASHBOARDS: dict[str, Figures] = {
    "clickstream-analytics": ANALYTICS,
    "live": LIVE,
    "audience": AUDIENCE,
    "content": CONTENT,
    "acquisition": ACQUISITION,
    "quality": QUALITY,
}
