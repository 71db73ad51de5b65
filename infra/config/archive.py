"""Settings of the archive, which keeps every event as Parquet files."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from infra.config.section import ConfigSection, matches


class ArchivePlace(StrEnum):
    """Where the files are: on a volume of the stack, in an S3-compatible bucket, or nowhere."""

    FOLDER = "folder"
    BUCKET = "bucket"
    OFF = "off"


class ArchiveConfig(ConfigSection):
    """Where events are kept, and for how long."""

    archive: ArchivePlace
    archive_flush_seconds: Annotated[int, Field(ge=1, le=3600)]
    archive_retention_days: Annotated[int, Field(ge=0, le=36500)]
    archive_bucket: Annotated[
        str, matches(r"|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket, for example shop-archive, or empty")
    ]
    archive_bucket_prefix: Annotated[
        str,
        matches(r"|[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", "a folder without slash at its ends, for example clicks/prod"),
    ]
    archive_bucket_endpoint: Annotated[
        str,
        matches(r"|https?://[^\s/]+", "the URL of an S3 API, such as https://fra1.digitaloceanspaces.com, or empty"),
    ]
    archive_bucket_region: Annotated[str, matches(r"[a-z0-9-]+", "a region's name, for example us-east-1")]
    archive_bucket_access_key: Annotated[str, matches(r"\S*", "the key's identifier, without spaces, or empty")]
    archive_bucket_secret_key: SecretStr

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = {
            "archiveBucket": self.archive_bucket,
            "archiveBucketAccessKey": self.archive_bucket_access_key,
            "archiveBucketSecretKey": self.archive_bucket_secret_key.get_secret_value(),
        }
        if self.archive is ArchivePlace.BUCKET and (missing := [key for key, value in given.items() if not value]):
            message = f"archive is `bucket`, which needs {', '.join(missing)}; set them, or archive to `folder`"
            raise ValueError(message)
        if self.archive is not ArchivePlace.BUCKET and (unused := [key for key, value in given.items() if value]):
            message = f"{unused[0]}: given, but archive is `{self.archive}`; set archive to `bucket`, or remove the key"
            raise ValueError(message)
        return self
