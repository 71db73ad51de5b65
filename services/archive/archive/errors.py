"""Errors that other modules handle."""

from __future__ import annotations


class StartError(RuntimeError):
    """The archive can't start with these settings, topics or files. The message says what to change."""


class MissingTopicsError(RuntimeError):
    """Topics do not exist (yet)."""


class StoreError(RuntimeError):
    """The folder or bucket rejected a request or did not answer. A retry may succeed."""


class NotStoredError(StoreError):
    """No file has this name."""


class NameTakenError(StoreError):
    """A file with this name already exists and must not be replaced."""


class OtherWriterError(RuntimeError):
    """Another process writes to the same archive. This process must reread the manifest before it continues."""
