"""Errors that other modules handle."""

from __future__ import annotations


class BadRecordError(ValueError):
    """A record can't be converted. The message becomes the dead letter's reason."""


class SchemaError(ValueError):
    """A schema is unusable. The message names its file and fields."""


class StartError(RuntimeError):
    """The converter can't start on this cluster. The message says what to change."""


class ReplayStartError(StartError):
    """The start of a replay is unknown, so an option must specify it."""


class MissingTopicsError(StartError):
    """Topics do not exist (yet)."""
