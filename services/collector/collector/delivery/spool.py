"""The local spool: where events wait, safe on disk, while Kafka is away."""

from __future__ import annotations

import asyncio
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from collector.delivery.slots import Slot, take_slot
from collector.delivery.spool_files import SpoolFiles, SpoolFullError
from collector.delivery.spool_format import SpooledMessage, encode_frame
from collector.disk import NO_SPACE

if TYPE_CHECKING:
    from pathlib import Path

    from collector.delivery.message import Message
    from collector.delivery.spool_cursor import Cursor

log = structlog.get_logger(__name__)


class Spool:
    """Group commit: what arrives while a sync runs is written and synced together by the next one.

    Lives on one event loop; one thread of its own does the blocking work, so appends and reads are in order.
    """

    def __init__(self, root: Path, segment_bytes: int, max_bytes: int, slot: Slot | None = None) -> None:
        """Open the slot that is given, or else a free one below the root directory.

        OSError when the directory cannot be used. On a full disk, a spool without a given slot is not healthy, and
        `check` opens it when there is room.
        """
        self._root = root
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._slot: Slot | None = None
        self._files: SpoolFiles | None = None
        self._left_bytes = 0
        self._thread = ThreadPoolExecutor(1, "spool")
        self._waiting: list[Message] = []
        self._committing = False
        self.unwritten_bytes = 0
        self.is_healthy = True
        self.spooled = 0
        try:
            self._open(slot)
        except OSError as error:
            if slot is not None or error.errno not in NO_SPACE:
                raise
            self.is_healthy = False
            log.error("no room on the disk for a spool; retrying", error=str(error))

    @property
    def directory(self) -> Path | None:
        """The slot's directory; None while the disk has no room for it."""
        return None if self._slot is None else self._slot.directory

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be replayed, nor to be written."""
        return not self._committing and not self._waiting and self.pending_bytes == 0

    @property
    def pending_bytes(self) -> int:
        """Bytes that are to be replayed."""
        return 0 if self._files is None else self._files.pending_bytes

    @property
    def cut_bytes(self) -> int:
        """Bytes that were torn or damaged."""
        return 0 if self._files is None else self._files.cut_bytes

    @property
    def unwritten(self) -> int:
        """Messages that wait for the disk."""
        return len(self._waiting)

    def limit(self, left_bytes: int) -> None:
        """Count what collectors that are gone left in their slots towards the maximum."""
        self._left_bytes = left_bytes
        if self._files is not None:
            self._files.left_bytes = left_bytes

    def append(self, message: Message) -> None:
        """Make the message durable; its `settle` receives the outcome."""
        self._waiting.append(message)
        self.unwritten_bytes += message.weight
        if not self._committing:
            self._committing = True
            # Not at once: what else arrives in this turn of the loop goes into the same sync.
            asyncio.get_running_loop().call_soon(self._commit)

    async def read(self, limit: int) -> tuple[list[SpooledMessage], Cursor]:
        """The next messages to replay, and the cursor to give to `advance` when they are delivered."""
        if self._files is None:
            return [], (0, 0)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._files.read, limit)

    async def advance(self, cursor: Cursor) -> None:
        """Everything before the cursor was delivered."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._opened().advance, cursor)

    async def keep_refused(self, message: SpooledMessage) -> None:
        """Keep a message that Kafka will never take, for a human; before `advance` passes it."""
        frame = encode_frame(message)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._opened().keep_refused, frame)

    async def check(self) -> None:
        """When the disk failed last time, find out whether it works again."""
        if not self.is_healthy:
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._probe)
            except OSError:
                return
            self.is_healthy = True
            log.info("spool works again")

    async def close(self) -> None:
        """Wait for what is being written, then close; only then may another collector take the slot."""
        while self._committing:
            await asyncio.sleep(0.005)
        if self._files is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._files.close)
        self._thread.shutdown()
        if self._slot is not None:
            os.close(self._slot.lock)

    def _open(self, slot: Slot | None) -> None:
        slot = slot or take_slot(self._root)
        try:
            self._files = SpoolFiles(slot.directory, self._segment_bytes, self._max_bytes)
        except BaseException:
            os.close(slot.lock)
            raise
        self._files.left_bytes = self._left_bytes
        self._slot = slot

    def _opened(self) -> SpoolFiles:
        if self._files is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._root))
        return self._files

    def _probe(self) -> None:
        if self._files is None:
            self._open(None)
        self._opened().probe()

    def _commit(self) -> None:
        messages, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().run_in_executor(self._thread, self._write, messages)
        task.add_done_callback(lambda done: self._committed(messages, done))

    def _write(self, messages: list[Message]) -> None:
        data = b"".join([
            encode_frame(SpooledMessage(entry.topic, entry.key, entry.value, entry.timestamp_ms, entry.headers))
            for entry in messages
        ])  # fmt: skip
        self._opened().append(data)

    def _committed(self, messages: list[Message], done: asyncio.Future[None]) -> None:
        error = done.exception()
        problem = None if error is None else "the spool cannot be written"
        if error is None:
            self.spooled += len(messages)
            self.is_healthy = True
        else:
            if self.is_healthy or not isinstance(error, OSError):
                log.error("spool cannot be written", error=str(error), events=len(messages))
            # Too much for an empty spool says nothing about the next event; otherwise `check` finds out about room.
            self.is_healthy = isinstance(error, SpoolFullError) and self.pending_bytes + self._left_bytes == 0
        for message in messages:
            self.unwritten_bytes -= message.weight
            message.settle(problem)
        if self._waiting:
            self._commit()
        else:
            self._committing = False
