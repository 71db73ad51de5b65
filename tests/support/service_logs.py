"""The logs of a service in the test's own process."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def restored_logging() -> Iterator[None]:
    """What is configured inside ends with it."""
    root, librdkafka = logging.getLogger(), logging.getLogger("librdkafka")
    handlers, level, filters = root.handlers[:], root.level, librdkafka.filters[:]
    try:
        yield
    finally:
        root.handlers[:], librdkafka.filters[:] = handlers, filters
        root.setLevel(level)
        structlog.reset_defaults()
