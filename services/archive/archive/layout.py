"""File names, such as
``events/day=2026-11-28/site_group=shop/tracking-json-0a1b2c3d-2-000000000100-000000000199.parquet``.

A name states the topic, its log, the partition, and the range of offsets read for the file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

EVENTS: Final = "events"
DEAD_LETTERS: Final = "dead_letters"
TABLES: Final = (EVENTS, DEAD_LETTERS)
OTHERS: Final = "_others"
"""Site group for rows without a site and for sites without their own folder."""

_LONGEST_GROUP: Final = 150
"""Limit in characters. File systems allow 255 in a folder's name."""

_NAME: Final = re.compile(
    r"(?P<folder>(?P<table>\w+)/day=(?P<day>\d{4}-\d\d-\d\d)(?:/site_group=[^/]+)?)"
    r"/(?P<topic>[^/]+)-(?P<log>[0-9a-f]{8}(?:\.\d+)?)-(?P<partition>\d+)-(?P<first>\d{12,})-(?P<last>\d{12,})\.parquet"
)


def log_name(topic_id: str, again: int = 0) -> str:
    """Return the id of a topic's log. It changes when the topic is recreated, or its log loses its end."""
    digest = hashlib.sha256(topic_id.encode()).hexdigest()[:8]
    return f"{digest}.{again}" if again else digest


@dataclass(frozen=True, order=True)
class Source:
    """A partition of one of a topic's logs."""

    topic: str
    log: str
    partition: int


@dataclass(frozen=True, order=True)
class Range:
    """A file's content: the rows of its folder in this inclusive range of the partition's offsets."""

    folder: str
    source: Source
    first: int
    last: int

    @property
    def name(self) -> str:
        """The file name."""
        source = self.source
        return f"{self.folder}/{source.topic}-{source.log}-{source.partition}-{self.first:012}-{self.last:012}.parquet"

    @property
    def day(self) -> str:
        """The rows' day, UTC."""
        return self.folder.split("/")[1].removeprefix("day=")

    def overlaps(self, other: Range) -> bool:
        """Whether both files hold rows of the same folder from overlapping offsets."""
        return (
            (self.folder, self.source) == (other.folder, other.source)
            and self.first <= other.last
            and other.first <= self.last
        )


def read_name(name: str) -> Range | None:
    """Parse a file name. None if the archive does not use such names."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    source = Source(found["topic"], found["log"], int(found["partition"]))
    return Range(found["folder"], source, int(found["first"]), int(found["last"]))


def events_folder(day: str, group: str) -> str:
    """Return the folder for a day and a site group."""
    return f"{EVENTS}/day={day}/site_group={group}"


def dead_letters_folder(day: str) -> str:
    """Return the folder for a day's dead letters."""
    return f"{DEAD_LETTERS}/day={day}"


def site_group(site: str) -> str:
    """Escape a site for a file name: it may be any host name that a visitor's browser sent."""
    quoted = quote(site, safe="")
    return quoted if 0 < len(quoted) <= _LONGEST_GROUP else OTHERS
