"""The part of `make ingestion` about stored segments: segments that no server has loaded, and a full cache."""

from collections.abc import Iterator, Mapping

from infra.resources.druid.client import DruidClient
from infra.resources.druid.segments import NEARLY_FULL, Cache, Loaded, cache, segments

MAKE_ROOM = (
    "raise druidCacheGiB (on target digitalocean: druidVolumeGiB) or set druidRetentionDays, then `make up`; "
    "Druid loads the missing segments by itself"
)


def storage(druid: DruidClient) -> str:
    """Druid's current state, as text for people."""
    return report(cache(druid), segments(druid))


def report(full: Cache, tables: Mapping[str, Loaded]) -> str:
    """How full the cache is, and for each table, which data is missing from all query results."""
    lines = [_cache(full)]
    for table, found in sorted(tables.items()):
        lines += _missing(table, found)
    if full.share > NEARLY_FULL or len(lines) > 1:
        lines.append(f"to make room: {MAKE_ROOM}")
    return "\n".join(lines)


def _cache(found: Cache) -> str:
    if not found.size:
        return "segments: no historical is running, so Druid answers from its ingestion tasks alone"
    warning = f"WARNING, over {NEARLY_FULL:.0%}: " if found.share > NEARLY_FULL else ""
    return f"segments: {warning}cache {found.share:.0%} full, {_size(found.used)} of {_size(found.size)}"


def _missing(table: str, found: Loaded) -> Iterator[str]:
    missing = found.missing
    if missing is None:
        return
    what = "1 segment" if missing.count == 1 else f"{missing.count} segments"
    verb = "is" if missing.count == 1 else "are"
    rows = "an unknown number of" if found.missing_rows is None else f"about {found.missing_rows}"
    yield (
        f"MISSING: {what} of {table} {verb} loaded by no server ({_size(missing.bytes)}, {rows} rows, the oldest from "
        f"{missing.since}); no query and no dashboard shows them"
    )


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
