"""The local spool: where events wait, safe on disk, while Kafka is away."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from collector.delivery.spool_files import SpoolFiles, SpoolFullError, take_slot
from collector.delivery.spool_format import SpooledMessage, encode_frame

if TYPE_CHECKING:
    from pathlib import Path

    from collector.delivery.message import Message

_LOG: Final = logging.getLogger(__name__)


class Spool:
    """Group commit: what arrives while a sync runs is written and synced together by the next one.

    Lives on one event loop; one thread of its own does the blocking work, so appends and reads are in order.
    """

    def __init__(self, root: Path, segment_bytes: int, max_bytes: int) -> None:
        """Open a slot below the root directory. OSError when the directory cannot be used."""
        directory, self._lock = take_slot(root)
        self._files = SpoolFiles(directory, segment_bytes, max_bytes)
        self._thread = ThreadPoolExecutor(1, "spool")
        self._waiting: list[Message] = []
        self._committing = False
        self.is_healthy = True
        self.spooled = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be replayed, nor to be written."""
        return not self._committing and not self._waiting and self._files.pending_bytes == 0

    @property
    def pending_bytes(self) -> int:
        """Bytes that are to be replayed."""
        return self._files.pending_bytes

    @property
    def cut_bytes(self) -> int:
        """Bytes that were torn or damaged."""
        return self._files.cut_bytes

    @property
    def unwritten(self) -> int:
        """Messages that wait for the disk."""
        return len(self._waiting)

    def append(self, message: Message) -> None:
        """Make the message durable; its `settle` tells the outcome."""
        self._waiting.append(message)
        if not self._committing:
            self._committing = True
            # Not at once: what else arrives in this turn of the loop goes into the same sync.
            asyncio.get_running_loop().call_soon(self._commit)

    async def read(self, limit: int) -> tuple[list[SpooledMessage], tuple[int, int]]:
        """The next messages to replay, and the cursor to give to `advance` when they are delivered."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._files.read, limit)

    async def advance(self, cursor: tuple[int, int]) -> None:
        """Everything before the cursor was delivered."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._files.advance, cursor)

    def keep_refused(self, message: SpooledMessage, reason: str) -> None:
        """Keep a message that Kafka will never take, for a human. A handful of bytes, so written at once."""
        _LOG.error("Kafka refused a spooled message", extra={"reason": reason, "bytes": len(message.value)})
        self._files.keep_refused(encode_frame(message))

    async def check(self) -> None:
        """When the disk failed last time, find out whether it works again."""
        if not self.is_healthy:
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._files.probe)
            except OSError:
                return
            self.is_healthy = True
            _LOG.info("spool works again")

    async def close(self) -> None:
        """Wait for what is being written, then close."""
        while self._committing:
            await asyncio.sleep(0.005)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._files.close)
        self._thread.shutdown()
        os.close(self._lock)

    def _commit(self) -> None:
        messages, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().run_in_executor(self._thread, self._write, messages)
        task.add_done_callback(lambda done: self._committed(messages, done))

    def _write(self, messages: list[Message]) -> None:
        data = b"".join([
            encode_frame(SpooledMessage(entry.topic, entry.key, entry.value, entry.timestamp_ms, entry.headers))
            for entry in messages
        ])  # fmt: skip
        self._files.append(data)

    def _committed(self, messages: list[Message], done: asyncio.Future[None]) -> None:
        error = done.exception()
        problem = None if error is None else "the spool cannot be written"
        if error is None:
            self.spooled += len(messages)
            self.is_healthy = True
        else:
            if self.is_healthy or not isinstance(error, OSError):
                _LOG.error("spool cannot be written", extra={"error": str(error), "events": len(messages)})
            # A full spool has room again only after a replay, which is for `check` to find out.
            self.is_healthy = isinstance(error, SpoolFullError) and self._files.pending_bytes == 0
        for message in messages:
            message.settle(problem)
        if self._waiting:
            self._commit()
        else:
            self._committing = False
