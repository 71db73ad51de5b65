"""How Druid's disk is divided: deep storage, the historical's copy of it, and the rest."""

from collections.abc import Iterator

from infra.config.sections import DruidConfig, Sections
from infra.config.types import Target

LOCAL_CACHE = 10
"""GiB on a single machine, which has no volume to take a share of."""


def druid_cache(sections: Sections) -> int:
    """GiB for the historical's copy of the segments. 0 in the configuration means the default.

    A volume holds every segment twice. Deep storage gets half, because segments that compaction replaced stay there
    for a week; the historical gets two fifths, and a tenth is left for the rest.
    """
    given = sections.druid.druid_cache_gib
    if given or sections.target is Target.LOCAL:
        return given or LOCAL_CACHE
    volume = sections.digitalocean.druid_volume_gib
    return max(1, volume * 2 // 5)


def druid_disk_problems(sections: Sections) -> Iterator[str]:
    """A cache is too large if the volume cannot hold it twice: the disk would fill up before the cache does."""
    volume = sections.digitalocean.druid_volume_gib
    cache = druid_cache(sections)
    rest = max(1, -(-volume // 10))
    most = (volume - rest) // 2
    if most < 1:
        yield f"druidVolumeGiB: {volume} given; the minimum is 3, because it holds every segment twice"
    elif cache > most:
        yield (
            f"druidCacheGiB: {cache} given; a druidVolumeGiB of {volume} holds every segment twice, and {rest} GiB are "
            f"for the ingestion tasks, queries and metadata: 1 to {most} is allowed. Choose less, or a larger "
            "druidVolumeGiB"
        )


def endless_retention(druid: DruidConfig) -> Iterator[str]:
    """A warning, not an error: when the disk fills up depends on the number of visitors."""
    if druid.druid_retention_days == 0:
        yield (
            f"druidRetentionDays is 0, so Druid keeps every event, and its cache of {druid.druid_cache_gib} GiB "
            "eventually fills up. From then on the newest events are missing from every dashboard. Set "
            "druidRetentionDays, or watch the dashboard Quality or `make ingestion` and raise druidVolumeGiB in time"
        )
