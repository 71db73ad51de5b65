"""The Kafka client: a producer, what it says about its brokers, and a look into their topics."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from clickstream_service.logs import LIBRDKAFKA
from confluent_kafka import KafkaError, KafkaException, Producer

from collector.delivery.stored import find_stored

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from collector.delivery.spool_format import SpooledMessage
    from collector.delivery.stored import Identity

log = structlog.get_logger(__name__)
_ERROR_LOG_SECONDS: Final = 30
"""An unavailable broker gives many errors a second; one of a kind is logged this often."""
_UNREADABLE: Final = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART,
})  # fmt: skip
"""Errors for which another attempt to read gives no other answer."""


class KafkaClient:
    """Lives on one event loop."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config` is librdkafka's."""
        self._config = config
        self._logged_errors: dict[int, float] = {}
        self.is_connected = False
        self.is_fatal = False
        self.producer = self.open()

    def open(self) -> Producer:
        """A new producer, in place of one that has failed for good."""
        self.is_fatal = False
        # log_level 2: what librdkafka logs about connections also comes to error_cb, where it can be throttled.
        config = {"log_level": 2, **self._config, "error_cb": self._on_error}
        self.producer = Producer(config, logger=logging.getLogger(LIBRDKAFKA))
        return self.producer

    def bootstrap_servers(self) -> str:
        """Addresses of the brokers that answered last."""
        brokers = self.producer.list_topics(timeout=5.0).brokers
        return ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())

    async def ask(self) -> bool:
        """Whether a broker answers a metadata request."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, lambda: self.producer.list_topics(timeout=2.0))
        except KafkaException:
            self.is_connected = False
        else:
            self.is_connected = True
        return self.is_connected

    async def find(self, messages: list[SpooledMessage]) -> Counter[Identity] | None:
        """Which of the messages Kafka has; None when that cannot be found out, for example without the right to read.

        KafkaException when a later attempt may find it out.
        """
        loop = asyncio.get_running_loop()
        try:
            servers = await loop.run_in_executor(None, self.bootstrap_servers)
            return await loop.run_in_executor(None, find_stored, self._config, servers, messages)
        except (KafkaException, TimeoutError) as error:
            if isinstance(error, KafkaException) and error.args[0].code() not in _UNREADABLE:
                raise
            log.warning("cannot find out which spooled messages Kafka has: some may arrive twice", error=str(error))
            return None

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - librdkafka's name for a local error
            self.is_connected = False
        if error.fatal():
            self.is_fatal = True  # an idempotent producer that lost its sequence: only a new one helps
        now = time.monotonic()
        if now - self._logged_errors.get(error.code(), -_ERROR_LOG_SECONDS) >= _ERROR_LOG_SECONDS:
            self._logged_errors[error.code()] = now
            log.warning("Kafka client", error=error.str(), fatal=error.fatal())
