"""Failures of the converter that have a meaning outside the module that raises them."""

from __future__ import annotations


class BadRecordError(ValueError):
    """One record can't be converted; the message becomes its dead letter's reason."""


class SchemaError(ValueError):
    """A schema can't be used; the message names its file and fields."""


class StartError(RuntimeError):
    """The converter can't start against this cluster; the message says what to change."""


class ReplayStartError(StartError):
    """The start of a replay is unknown; an option must name it."""


class MissingTopicsError(StartError):
    """Topics do not exist, or not yet."""
