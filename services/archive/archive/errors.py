"""Failures of the archive that have a meaning outside the module that raises them."""

from __future__ import annotations


class StartError(RuntimeError):
    """The archive can't start with these settings, topics or files; the message says what to change."""


class MissingTopicsError(RuntimeError):
    """Topics do not exist, or not yet."""


class StoreError(RuntimeError):
    """The folder or bucket refused a request or did not answer; the same request may succeed later."""


class NotStoredError(StoreError):
    """There is no file of that name."""


class NameTakenError(StoreError):
    """There is a file of that name already, and it must not be replaced."""


class OtherWriterError(RuntimeError):
    """Another process writes to the same archive: this one must read the manifest again before it goes on."""
