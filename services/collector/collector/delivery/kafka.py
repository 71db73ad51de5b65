"""Delivery: Kafka first, the spool when Kafka does not confirm, and back again."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from confluent_kafka import KafkaException

from collector.delivery.client import KafkaClient
from collector.delivery.message import Message
from collector.delivery.stored import StoredMessages
from collector.delivery.window import PER_MESSAGE, ReplayWindow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka import KafkaError, Producer

    from collector.delivery.spool import Spool
    from collector.delivery.spool_format import SpooledMessage
    from collector.metrics import Metrics

log = structlog.get_logger(__name__)
_TICK: Final = 0.001
"""Seconds between looks for delivery reports. They are served on the event loop itself, so that no thread
hand-over is paid for an event; only while something is in flight."""
_REPLAY_WINDOW: Final = 1000
_TIMEOUT: Final = 3.0
_SLOW_TICK: Final = 0.02
"""While Kafka is away nobody waits for reports."""
_LOOK: Final = 0.05
"""Seconds between looks for messages that are not confirmed in time."""


class Delivery:
    """Makes messages durable, in order.

    Direct while Kafka confirms. At the first message that it does not confirm in time, copies of everything in flight
    and everything new go to the spool, in order. The producer never gives up: a broker that wakes up may have stored
    what it had received, and its confirmation says that the copy is not to be sent. So the spool is replayed when every
    message in flight has been reported, and only when it is empty do new messages go to Kafka directly again.

    Lives on one event loop.
    """

    def __init__(
        self, config: Mapping[str, Any], spool: Spool | None, metrics: Metrics, max_in_flight: int,
        replay_window: int = _REPLAY_WINDOW, queue_bytes: int = 96 * 1024 * 1024, timeout: float = _TIMEOUT,
    ) -> None:  # fmt: skip
        """`config` is librdkafka's; without a spool, what Kafka does not confirm is not safe.

        The spool is replayed in windows of so many messages. `max_in_flight` and `queue_bytes` bound what waits for
        Kafka or for the disk. `timeout`: seconds in which Kafka confirms a message, or a copy of it goes to the spool.
        """
        # Without a spool the producer has to give up, or nobody would be told.
        self._client = KafkaClient({**config, **({} if spool is None else {"message.timeout.ms": 0})})
        self._produce = self._client.producer.produce
        self._timeout = timeout
        self._replay_window = replay_window
        self._spool = spool
        self._metrics = metrics
        self._max_in_flight = max_in_flight
        self._queue_bytes = queue_bytes
        self._report = self._on_report  # bound once, not for each message
        self._sent: dict[Message, float] = {}
        self._copied: set[Message] = set()
        self._unsafe: dict[Message, str] = {}
        self._failed: list[Message] = []
        self._stored = StoredMessages()
        self._is_unsure = False
        self._next_look = 0.0
        self._ticking = False
        self._replay: asyncio.Task[None] | None = None
        self._last_window = math.inf
        self._closing = asyncio.Event()
        self._must_purge = False
        self.in_flight = 0
        self.in_flight_bytes = 0
        self.is_spooling = False

    async def start(self) -> None:
        """Ask for the brokers, and start to replay what an earlier run left."""
        if not await self._client.ask():
            log.warning("Kafka does not answer yet")
        self._replay_left()

    @property
    def can_accept(self) -> bool:
        """Whether a message sent now can be expected to become durable."""
        if self._spool is not None and self._spool.is_healthy:
            return True
        return self.is_connected and not self.is_spooling

    @property
    def queued_bytes(self) -> int:
        """Memory of what waits for Kafka or for the disk."""
        return self.in_flight_bytes + (0 if self._spool is None else self._spool.unwritten_bytes)

    @property
    def is_connected(self) -> bool:
        """Whether a broker answered last."""
        return self._client.is_connected

    def bootstrap_servers(self) -> str:
        """Addresses of the brokers that answered last, for tools that look at the same cluster."""
        return self._client.bootstrap_servers()

    @property
    def _producer(self) -> Producer:
        return self._client.producer

    def send(self, message: Message) -> None:
        """Make the message durable; its `settle` receives the outcome."""
        if self.is_spooling:
            self._to_spool(message)
            return
        if self.in_flight >= self._max_in_flight or self.queued_bytes >= self._queue_bytes:
            message.settle("the queue is full")
            return
        self._hand_over(message)

    async def check(self) -> None:
        """Housekeeping, about once a second: callbacks for errors, the state of the connection and the disk."""
        if self._closing.is_set():
            return
        if self.in_flight == 0:
            self._producer.poll(0)
        if self._client.is_fatal and self.in_flight == 0 and not self.is_spooling:
            self._open_producer()
        if not self.is_connected:
            await self._client.ask()
        if self._spool is not None:
            await self._spool.check()
            self._replay_left()

    async def close(self, timeout: float) -> None:
        """Wait for what is in flight, at most that many seconds; the rest is in the spool when this returns.

        A replay sends for a quarter of that time and then awaits confirmations: an interrupted window is sent twice.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        self._last_window = loop.time() + timeout / 4
        self._closing.set()
        if self._replay is not None:
            await asyncio.wait({self._replay}, timeout=timeout)
            self._replay.cancel()
            await asyncio.gather(self._replay, return_exceptions=True)
        # What is in the spool as well need not be waited for while Kafka is away.
        while (self._sent or (self.in_flight and self.is_connected)) and loop.time() < deadline:
            await asyncio.sleep(0.01)
        if self._sent or self._failed:
            self._give_up()
        if self._spool is not None:
            await self._spool.close()
        self._take_back()
        self._producer.purge()  # without a spool something may be left, for which the end does not wait
        await loop.run_in_executor(None, self._producer.close)

    def _open_producer(self) -> None:
        self._produce = self._client.open().produce

    def _hand_over(self, message: Message) -> None:
        try:
            report = partial(self._report, message)
            if message.headers is None:
                self._produce(message.topic, message.value, message.key, -1, report, None, message.timestamp_ms)
            else:
                self._producer.produce(
                    message.topic, message.value, message.key, on_delivery=report,
                    timestamp=message.timestamp_ms, headers=message.headers,
                )  # fmt: skip
        except (BufferError, KafkaException) as error:
            if isinstance(error, KafkaException) and error.args[0].code() in PER_MESSAGE:
                self._refuse(message, error.args[0])
                return
            # A full queue or a dead producer. What was sent before comes first.
            self._give_up()
            if self._spool is None:
                message.settle("Kafka does not confirm")
            else:
                self._to_spool(message)
            return
        self.in_flight += 1
        self.in_flight_bytes += message.weight
        self._sent[message] = time.monotonic()
        if not self._ticking:
            self._keep_ticking()

    def _keep_ticking(self) -> None:
        if self.in_flight and not self._ticking:
            self._ticking = True
            pause = _TICK if self.is_connected or self._sent else _SLOW_TICK
            asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        try:
            self._producer.poll(0)
            if self._failed or self._is_overdue():
                self._give_up()
            if self._must_purge:
                self._must_purge = False
                self._take_back()
        finally:  # a defect in one callback must not end all delivery reports
            self._ticking = False
            self._keep_ticking()

    def _is_overdue(self) -> bool:
        """Whether Kafka has not confirmed the oldest message in time."""
        if self._spool is None or not self._sent:
            return False
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK
        return now - next(iter(self._sent.values())) > self._timeout

    def _give_up(self) -> None:
        """Stop waiting for what is in flight: it reaches the spool before anything newer.

        The producer goes on, and what it reports later is not replayed.
        """
        failed, self._failed = self._failed, []
        if self._spool is None:
            self._metrics.kafka_failed += len(failed)
            self._client.is_connected = False
            for message in failed:
                message.settle("Kafka does not confirm")
            return
        self._is_unsure |= bool(failed)
        self._copied.update(self._sent)
        copies = [*failed, *self._sent]
        self._sent.clear()
        self._metrics.kafka_failed += len(copies)
        if not self.is_spooling:
            log.warning("Kafka does not confirm: spooling", events=len(copies))
            self._start_spooling()
        for message in copies:
            told = partial(self._on_copied, message)
            copy = Message(message.topic, message.key, message.value, message.timestamp_ms, told, message.headers)
            self._to_spool(copy)

    def _on_copied(self, message: Message, problem: str | None) -> None:
        """The copy of a message is in the spool; or it is not, and the producer is told to give up the original.

        A sender that is told to send it again would otherwise send it twice.
        """
        if problem is None or message not in self._copied:
            message.settle(problem)
            return
        self._unsafe[message] = problem
        self._must_purge = True

    def _take_back(self) -> None:
        """Have the producer give up what it has: a broker may have stored it or not."""
        if self._spool is None:
            return
        self._producer.purge(in_queue=True, in_flight=True, blocking=True)
        for _ in range(100):
            if self.in_flight == 0:
                break
            self._producer.poll(0.01)

    def _to_spool(self, message: Message) -> None:
        if self._spool is None:
            message.settle("Kafka does not confirm")
            return
        if self._spool.unwritten >= self._max_in_flight or self._spool.unwritten_bytes >= self._queue_bytes:
            message.settle("the queue is full")
            return
        self._spool.append(message)

    def _on_report(self, message: Message, error: KafkaError | None, _report: object) -> None:
        """What became of a message that was sent directly."""
        self.in_flight -= 1
        self.in_flight_bytes -= message.weight
        if message in self._copied:
            self._copied.remove(message)
            problem = self._unsafe.pop(message, None)
            if problem is not None:
                message.settle(None if error is None else problem)
            elif error is None:
                self._stored.add(message)
            elif error.code() not in PER_MESSAGE:
                self._is_unsure = True
            return
        del self._sent[message]
        if error is None:
            self._metrics.kafka_delivered += 1
            self._client.is_connected = True
            message.settle(None)
        elif error.code() in PER_MESSAGE:
            self._refuse(message, error)
        else:
            self._failed.append(message)

    def _refuse(self, message: Message, error: KafkaError) -> None:
        log.error("Kafka refused a message", error=error.str(), bytes=len(message.value))
        message.settle("Kafka refused the record")

    def _replay_left(self) -> None:
        """Replay what an earlier run left in the spool."""
        if self._spool is not None and not self.is_spooling and not self._spool.is_empty:
            log.info("the spool holds events of an earlier run", bytes=self._spool.pending_bytes)
            self._is_unsure = True
            self._start_spooling()

    def _start_spooling(self) -> None:
        self.is_spooling = True
        if (self._replay is None or self._replay.done()) and not self._closing.is_set():
            self._replay = asyncio.get_running_loop().create_task(self._replay_all())

    async def _replay_all(self) -> None:
        """Replay until the spool is empty, then go back to direct delivery."""
        spool = self._spool
        assert spool is not None  # noqa: S101 - only started with one
        pause = 0.5
        while not spool.is_empty:
            try:
                progress = await self._replay_some(spool)
            except OSError as error:
                log.error("the spool cannot be read; retrying", error=str(error))
                progress = False
            except KafkaException:
                progress = False  # away again
            except Exception:
                log.exception("the spool cannot be replayed; retrying")
                progress = False
            if progress:
                pause = 0.5
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), pause)
                pause = min(pause * 2, 5.0)
            if self._closing.is_set() and (not progress or asyncio.get_running_loop().time() > self._last_window):
                return
        # No await between this check and the switch: nothing can slip in between.
        self.is_spooling = False
        self._stored.clear()
        log.info("spool replayed: delivering directly again")

    async def _replay_some(self, spool: Spool) -> bool:
        """Deliver the next messages of the spool; whether that is worth doing again at once."""
        if not await self._can_replay():
            return False
        if self._copied:
            await asyncio.sleep(_LOOK)
            return True
        messages, cursor = await spool.read(self._replay_window)
        if not messages:
            await asyncio.sleep(0.02)  # being written just now
            return True
        if self._is_unsure:
            await self._look_into_kafka(messages)
        window = ReplayWindow(messages, self._stored.take(messages), self._on_replay_report)
        self.in_flight += window.send(self._producer)
        self._keep_ticking()
        await window.outcome
        for message in window.refused:
            await spool.keep_refused(message)
        for message in window.confirmed_later:
            self._stored.add(message)
        confirmed = window.confirmed
        if confirmed < len(messages):
            self._is_unsure = True
            if confirmed == 0:
                return False
            _, cursor = await spool.read(confirmed)  # what was confirmed before the first failure is not sent again
        self._metrics.replayed += confirmed
        await spool.advance(cursor)
        return confirmed == len(messages)

    async def _can_replay(self) -> bool:
        if self._client.is_fatal:
            self._take_back()
            if self.in_flight == 0:
                self._open_producer()
        return await self._client.ask()

    async def _look_into_kafka(self, messages: list[SpooledMessage]) -> None:
        """Find out which messages Kafka has: their sender is gone, or was cut off.

        They were sent in order, so a window of which Kafka has nothing is the last one to look for.
        """
        found = await self._client.find(messages)
        # At least once: an event that is there twice is better than one that is not there.
        self._is_unsure = bool(found)
        self._stored.learn(found or Counter())

    def _on_replay_report(self, has_failed: bool) -> None:  # noqa: FBT001 - a callback
        self.in_flight -= 1
        self._must_purge |= has_failed  # what follows must not overtake it
