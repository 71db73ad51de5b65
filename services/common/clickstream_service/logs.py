"""Structured logs of a service and its libraries: one JSON object per line on standard output."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

LIBRDKAFKA: Final = "librdkafka"
"""Name of the Kafka clients' logger."""

_REPEAT_SECONDS: Final = 10.0


class _Seldom(logging.Filter):
    """Passes one line of each kind per ten seconds: librdkafka logs an unavailable broker every few ms."""

    def __init__(self) -> None:
        super().__init__()
        self._logged: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = " ".join(record.getMessage().split(" ", 2)[:2]), time.monotonic()  # facility and client
        if now - self._logged.get(kind, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return False
        self._logged[kind] = now
        return True


def configure(level: str, stream: TextIO | None = None) -> None:
    """Log from `level` up. Commands that write results to standard output pass another `stream`."""
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    librdkafka = logging.getLogger(LIBRDKAFKA)
    if not librdkafka.filters:
        librdkafka.addFilter(_Seldom())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
