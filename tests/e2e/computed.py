"""The dashboards' figures computed again, in Python over plain rows: no aggregate of Druid's and no sketch.

A figure is a number, or what stands beside each name: `{name: number}`, `{(name, name): (number, number)}`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

Row = dict[str, Any]
Figure = Any
HOUR, MINUTE = len("2026-01-01T00"), len("2026-01-01T00:00")
SEARCH = {"www.google.com": "Google", "duckduckgo.com": "DuckDuckGo"}


def people(rows: Iterable[Row]) -> list[Row]:
    """Without bots, duplicates and corrupt events."""
    return [row for row in rows if not (row["is_bot"] or row["is_duplicate"] or row["is_corrupt"])]


def views(rows: Iterable[Row]) -> list[Row]:
    """Page views."""
    return [row for row in rows if row["event_type"] == "pageView"]


def distinct(rows: Iterable[Row], field: str) -> int:
    """Different values."""
    return len({row[field] for row in rows if row[field] is not None})


def by(rows: Iterable[Row], *names: str | Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Rows under the value of each name; under a tuple where there are several."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        key = tuple(name(row) if callable(name) else row[name] for name in names)
        groups[key[0] if len(key) == 1 else key].append(row)
    return groups


def each(groups: Mapping[Any, list[Row]], *measures: Callable[[list[Row]], float | None]) -> Figure:
    """The measures of every group."""
    return {
        key: measures[0](rows) if len(measures) == 1 else tuple(measure(rows) for measure in measures)
        for key, rows in groups.items()
    }


def visitors(rows: list[Row]) -> int:
    """Different browsers."""
    return distinct(rows, "party_id")


def sessions(rows: list[Row]) -> int:
    """Different sessions."""
    return distinct(rows, "session_id")


def new_visitors(rows: list[Row]) -> int:
    """Browsers whose first event ever is here."""
    return visitors([row for row in rows if row["is_new_party"]])


def page_views(rows: list[Row]) -> int:
    """How many."""
    return len(views(rows))


def entries(rows: list[Row]) -> int:
    """Page views that began a session."""
    return sum(bool(row["is_first_in_session"]) for row in views(rows))


def bounce_rate(rows: list[Row]) -> float:
    """Sessions of one page view among all with one."""
    pages = Counter(row["session_id"] for row in views(rows))
    return sum(count == 1 for count in pages.values()) / len(pages)


def engaged(rows: list[Row]) -> int:
    """Engagement, ms."""
    return sum(row["engagement_ms"] or 0 for row in rows)


def read_share(rows: list[Row]) -> float:
    """Page views read to three quarters."""
    return reached(rows, 75) / distinct(views(rows), "page_view_id")


def reached(rows: list[Row], depth: int) -> int:
    """Page views in which that share was in sight."""
    return distinct([row for row in rows if (row["scroll_percent"] or 0) >= depth], "page_view_id")


def exits(rows: list[Row]) -> Figure:
    """The last page of each session's page views, from the order of their times alone."""
    last = {
        session: max(found, key=lambda row: (row["client_timestamp"], row["__time"]))["path"]
        for session, found in by(views(rows), "session_id").items()
    }
    return Counter(last.values())


def lasted(rows: list[Row], seconds: int) -> int:
    """Sessions with an event that long after their start."""
    return sum(
        any(row["client_timestamp"] - int(session.split(":")[1], 36) >= seconds * 1000 for row in found)
        for session, found in by(rows, "session_id").items()
    )


def channel(row: Row) -> str:
    """How the session came, as far as visits come here; tests/unit/collector/channels.csv has every rule."""
    medium, site = row["utm_medium"], referring_site(row)
    if medium == "cpc":
        return "Paid Search"
    if medium == "email":
        return "Email"
    if row["click_id_name"] == "fbclid":
        return "Organic Social"
    if site is None:
        return "Direct"
    return "Organic Search" if site in SEARCH.values() else "Referral"


def referring_site(row: Row) -> str | None:
    """Its name, or its host; None for the site itself."""
    host = row["referer_host"]
    return None if not host or host == row["host"] else SEARCH.get(host, host.removeprefix("www."))


def kind(row: Row) -> str:
    """The first that fits."""
    marks = {"corrupt": row["is_corrupt"], "duplicate": row["is_duplicate"], "bot": row["is_bot"]}
    return next((name for name, marked in marks.items() if marked), "person")


def host(url: str | None) -> str:
    """Of an address."""
    return urlsplit(url or "").hostname or ""
