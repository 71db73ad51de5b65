"""The main loop: waits for the cluster, runs a session, and starts a new session when one is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from confluent_kafka import KafkaException

from avro_to_json import clients
from avro_to_json.errors import MissingTopicsError
from avro_to_json.session import Session, SessionLostError
from avro_to_json.watchdog import Watchdog

if TYPE_CHECKING:
    import threading

    from avro_to_json.converter import Converter
    from avro_to_json.health import Health
    from avro_to_json.metrics import Metrics
    from avro_to_json.settings import Settings

log = structlog.get_logger(__name__)
_RETRY_SECONDS: Final = 2.0


def serve(settings: Settings, converter: Converter, metrics: Metrics, health: Health, stop: threading.Event) -> None:
    """Convert until ``stop`` is set. Raises StartError if the cluster's topics are unusable."""
    watchdog = Watchdog()
    while not stop.is_set():
        try:
            topics = clients.inspect(settings)
            health.block("joining the consumer group")
            metrics.sessions.inc()
            Session(settings, converter, metrics, health, topics, stop, watchdog).run()
        except (MissingTopicsError, KafkaException, SessionLostError) as error:
            if stop.is_set():
                log.warning("stopped in the middle of a batch, which stays uncommitted", error=str(error))
                return
            health.block(str(error))
            health.beat()
            log.warning("starting over", error=str(error), after_seconds=_RETRY_SECONDS)
            stop.wait(_RETRY_SECONDS)
