"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

import structlog

_REPEAT_SECONDS: Final = 10.0


class _Seldom(logging.Filter):
    """Lets one line of a kind through in ten seconds: a broker that is away makes librdkafka say so every few ms."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = " ".join(record.getMessage().split(" ", 2)[:2]), time.monotonic()  # facility and client
        if now - self._said.get(kind, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return False
        self._said[kind] = now
        return True


def configure(level: str) -> None:
    """Send every log line, librdkafka's own included, to standard output as JSON from ``level`` up."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.getLogger("kafka").addFilter(_Seldom())
    logging.basicConfig(handlers=[handler], level=level, force=True)
