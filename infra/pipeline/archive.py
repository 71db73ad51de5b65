"""The archive: keeps every event and every dead letter as Parquet files, exactly once."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.config import StackConfig
from infra.config.archive import ArchiveConfig, ArchivePlace
from infra.config.environment import text
from infra.images.source import COMMON, SCHEMA, ImageSource
from infra.platform.kafka import GROUP, bootstrap_servers
from infra.platform.topics import TRACKING_DEAD, TRACKING_JSON
from infra.swarm.spec import ARCHIVE, WORK, HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="archive", mebibytes=85, shared=(COMMON, SCHEMA))
FILES = VolumeMount(volume="archive", path="/var/lib/archive")
SECRET_KEY = "archive-bucket-secret-key"  # noqa: S105  # a name, not the secret itself


def archive_specs(config: StackConfig) -> list[ServiceSpec]:
    """The service's spec: a single task, since only one process may write the files; no task if the archive is off."""
    archive = config.archive
    if archive.archive is ArchivePlace.OFF:
        return []
    in_folder = archive.archive is ArchivePlace.FOLDER
    return [
        ServiceSpec(
            name="archive",
            source=IMAGE,
            memory=384,
            env={
                "ARCHIVE_BOOTSTRAP_SERVERS": bootstrap_servers(config.kafka),
                "ARCHIVE_EVENTS_TOPIC": TRACKING_JSON,
                "ARCHIVE_DEAD_LETTER_TOPIC": TRACKING_DEAD,
                "ARCHIVE_FLUSH_SECONDS": text(archive.archive_flush_seconds),
                "ARCHIVE_RETENTION_DAYS": text(archive.archive_retention_days),
                # Every configured site gets its own folder.
                "ARCHIVE_MAX_SITES": text(max(100, len(config.sites.sites))),
                **({"ARCHIVE_FOLDER": FILES.path} if in_folder else _bucket(archive)),
            },
            secrets={} if in_folder else {SECRET_KEY: SECRET_KEY},
            volumes=(FILES,) if in_folder else (),
            talks_to=(GROUP,),
            outbound=not in_folder,
            # Liveness, not readiness: a restart does not help while the store is unavailable.
            healthcheck=HealthCheck.http(9500, "/live"),
            # Time to store the records already read. If that takes longer, they are still in Kafka.
            stop_grace_period=60,
            exclusive=True,
            placement=ARCHIVE if in_folder else WORK,
        )
    ]


def _bucket(archive: ArchiveConfig) -> Mapping[str, str]:
    return {
        "ARCHIVE_BUCKET": archive.archive_bucket,
        "ARCHIVE_BUCKET_PREFIX": archive.archive_bucket_prefix,
        "ARCHIVE_BUCKET_ENDPOINT": archive.archive_bucket_endpoint,
        "ARCHIVE_BUCKET_REGION": archive.archive_bucket_region,
        "ARCHIVE_BUCKET_ACCESS_KEY": archive.archive_bucket_access_key,
        "ARCHIVE_BUCKET_SECRET_KEY_FILE": f"/run/secrets/{SECRET_KEY}",
    }


class Archive(pulumi.ComponentResource):
    """The service."""

    def __init__(self, stack: SwarmStack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its topics."""
        super().__init__("clickstream:pipeline:Archive", "archive")
        archive = stack.config.archive
        if archive.archive is not ArchivePlace.FOLDER:
            stack.keep_volume(FILES.volume)
        if archive.archive is ArchivePlace.BUCKET:
            stack.add_secret(SECRET_KEY, archive.archive_bucket_secret_key.get_secret_value())
        for spec in archive_specs(stack.config):
            stack.run(spec, parent=self, after=after)
        self.register_outputs({})
