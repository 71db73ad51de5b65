"""Converts a batch of values to JSON: removes the framing, then uses the fast path or else the reference path."""

from __future__ import annotations

import contextlib
import struct
from collections import defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from avro_to_json import schema as schemas
from avro_to_json.arrow import ArrowConverter, UnfitBatchError
from avro_to_json.errors import BadRecordError, SchemaError
from avro_to_json.reference import ReferenceConverter
from avro_to_json.settings import Framing, TimestampFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from avro_to_json.schema import Schema
    from avro_to_json.settings import Settings

_FRAME: Final = struct.Struct(">bI")
_SMALLEST_FAST: Final = 20
"""For smaller batches, the fast path's fixed cost exceeds its benefit."""
NO_SCHEMAS: Final[Mapping[int, Schema]] = MappingProxyType({})
RAW_ID: Final = -1
"""Stands for the schema id of values without one."""


@dataclass(frozen=True)
class Bad:
    """Why a value can't be converted."""

    reason: str


Converted = bytes | Bad


class _Route:
    """Both paths for one writer schema."""

    def __init__(self, writer: Schema, reader: Schema, *, iso_timestamps: bool, keep_nulls: bool) -> None:
        self.reference = ReferenceConverter(writer, reader, iso_timestamps=iso_timestamps, keep_nulls=keep_nulls)
        self.fast = (
            ArrowConverter(writer, reader, iso_timestamps=iso_timestamps, keep_nulls=keep_nulls)
            if ArrowConverter.fits(writer, reader)
            else None
        )

    def convert(self, data: list[bytes]) -> list[Converted]:
        if self.fast is None or len(data) < _SMALLEST_FAST:
            return [self._one(datum) for datum in data]
        try:
            lines = self.fast.convert(data)
        except UnfitBatchError:
            # One bad datum fails its whole batch. Bisect until it is found, so that the others stay on the fast path.
            middle = len(data) // 2
            return self.convert(data[:middle]) + self.convert(data[middle:])
        return [line if line is not None else self._one(datum) for line, datum in zip(lines, data, strict=True)]

    def _one(self, datum: bytes) -> Converted:
        try:
            return self.reference.convert(datum)
        except BadRecordError as error:
            return Bad(str(error))


class Converter:
    """Converts batches of values. One instance serves any number of writer schemas."""

    def __init__(
        self,
        reader: Schema,
        writers: Mapping[int, Schema],
        *,
        older: Mapping[int, Schema] = NO_SCHEMAS,
        framing: Framing = Framing.RAW,
        iso_timestamps: bool = False,
        keep_nulls: bool = True,
    ) -> None:
        """Raise SchemaError listing the fields of writer schemas that the reader schema can't read.

        If a raw value is not a record of the current schema, the `older` schemas are tried. The newest is last.
        """
        self._framed = framing is Framing.CONFLUENT
        problems = [
            f"{'the writer schema' if number == RAW_ID else f'writer schema {number}'}: {problem}"
            for number, writer in {**older, **writers}.items()
            for problem in schemas.incompatibilities(writer, reader)
        ]
        if problems:
            message = "records can't be read with the reader schema: " + "; ".join(problems)
            raise SchemaError(message)
        self._routes = {
            number: _Route(writer, reader, iso_timestamps=iso_timestamps, keep_nulls=keep_nulls)
            for number, writer in writers.items()
        }
        self._older = [
            ReferenceConverter(older[number], reader, iso_timestamps=iso_timestamps, keep_nulls=keep_nulls)
            for number in sorted(older, reverse=True)
        ]

    @classmethod
    def of(cls, settings: Settings) -> Converter:
        """Load the configured schemas. Raises SchemaError."""
        reader = schemas.load(settings.schema_file)
        in_folder = _in_folder(settings.writer_schemas_dir)
        if settings.framing is Framing.RAW:
            file = settings.writer_schema_file
            writers, older = {RAW_ID: schemas.load(file, as_json=False) if file else reader}, in_folder
        else:
            writers, older = _writers(settings, reader, in_folder), {}
        return cls(
            reader,
            writers,
            older=older,
            framing=settings.framing,
            iso_timestamps=settings.timestamp_format is TimestampFormat.ISO,
            keep_nulls=settings.keep_nulls,
        )

    def convert(self, values: Sequence[bytes | None]) -> list[Converted]:
        """Return JSON bytes or a Bad for each value, in order."""
        if not self._framed and None not in values:
            return self._raw(list(values))  # type: ignore[arg-type]
        result: list[Converted] = [Bad("no value (a tombstone)")] * len(values)
        groups: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
        for index, value in enumerate(values):
            if value is None:
                continue
            if not self._framed:
                groups[RAW_ID].append((index, value))
                continue
            try:
                number, datum = self._unframe(value)
            except BadRecordError as error:
                result[index] = Bad(str(error))
            else:
                groups[number].append((index, datum))
        for number, members in groups.items():
            data = [datum for _, datum in members]
            converted = self._routes[number].convert(data) if self._framed else self._raw(data)
            for (index, _), line in zip(members, converted, strict=True):
                result[index] = line
        return result

    def _raw(self, data: list[bytes]) -> list[Converted]:
        converted = self._routes[RAW_ID].convert(data)
        if not self._older:
            return converted
        return [
            self._as_older(datum) or line if isinstance(line, Bad) else line
            for datum, line in zip(data, converted, strict=True)
        ]

    def _as_older(self, datum: bytes) -> bytes | None:
        # Fields are only ever added at the end, so a record can match only one of the schemas completely.
        for older in self._older:
            with contextlib.suppress(BadRecordError):
                return older.convert(datum)
        return None

    def _unframe(self, value: bytes) -> tuple[int, bytes]:
        if len(value) < _FRAME.size or value[0] != 0:
            message = (
                f"not Confluent framing: must begin with a zero byte and a schema id, begins with {value[:5].hex()!r}"
            )
            raise BadRecordError(message)
        number: int = _FRAME.unpack_from(value)[1]
        if number not in self._routes:
            message = f"schema id {number} is unknown; known are {', '.join(map(str, sorted(self._routes)))}"
            raise BadRecordError(message)
        return number, value[_FRAME.size :]


def _in_folder(folder: Path | None) -> dict[int, Schema]:
    """Return a folder's schemas by id, in ascending order."""
    found: dict[int, Schema] = {}
    for path in folder.glob("*.avsc") if folder else ():
        if not path.stem.isdecimal():
            message = f"{path}: the file must be named after the schema's id, for example 1.avsc"
            raise SchemaError(message)
        found[int(path.stem)] = schemas.load(path, as_json=False)
    return dict(sorted(found.items()))


def _writers(settings: Settings, reader: Schema, in_folder: Mapping[int, Schema]) -> dict[int, Schema]:
    """Return the schemas that records may reference, by id: those in files, and the reader schema under its id."""
    found = dict(in_folder)
    if (own := settings.schema_id) is not None:
        if own in found and found[own].plain != reader.plain:
            message = (
                f"{settings.writer_schemas_dir}: {own}.avsc differs from {settings.schema_file}, "
                f"to which schema_id assigns id {own}; a changed schema needs a new id"
            )
            raise SchemaError(message)
        found[own] = reader
    if not found:
        message = f"{settings.writer_schemas_dir}: no <schema id>.avsc in it"
        raise SchemaError(message)
    return found
