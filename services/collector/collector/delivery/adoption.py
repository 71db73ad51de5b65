"""Replays what collectors that no longer run left in their slots of the spool."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from collector.delivery.slots import lock_slot, other_slots
from collector.delivery.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from collector.delivery.kafka import Delivery

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 15.0
_WHILE_REPLAYING_SECONDS: Final = 1.0


class Adoption:
    """Looks for slots without an owner every few seconds and, while Kafka answers, replays them one by one.

    A slot is replayed by a delivery with a producer of its own: what it does to its messages (order, failures, taking
    back) does not touch the collector's own events. The slot's lock keeps every other collector away meanwhile.
    """

    def __init__(
        self, root: Path, segment_bytes: int, own: Spool, delivery: Delivery,
        new_delivery: Callable[[Spool], Delivery], close_timeout: float, look_seconds: float = LOOK_SECONDS,
    ) -> None:  # fmt: skip
        """`own` and `delivery` are the collector's; `new_delivery` makes one for another spool.

        A slot that is being replayed when the collector stops is released within `close_timeout` seconds.
        """
        self._root = root
        self._segment_bytes = segment_bytes
        self._own = own
        self._delivery = delivery
        self._new_delivery = new_delivery
        self._close_timeout = close_timeout
        self._look_seconds = look_seconds
        self._adopted: Path | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.other_pending_bytes = 0
        self.unowned_slots = 0

    def start(self) -> None:
        """Look now, and every few seconds from then on."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Take no more slots, and release the one that is being replayed."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for directory in await self._look():
                    if self._delivery.is_connected and not self._stopping.is_set():
                        await self._try_to_adopt(directory)
            except Exception:
                log.exception("slots of the spool cannot be listed; retrying")
            await self._pause(self._look_seconds)

    async def _try_to_adopt(self, directory: Path) -> None:
        try:
            await self._adopt(directory)
        except OSError as error:
            text = "a slot of the spool cannot be taken over; retrying"
            log.error(text, slot=directory.name, error=str(error))

    async def _look(self) -> list[Path]:
        """Slots that can be taken over."""
        found = await asyncio.get_running_loop().run_in_executor(None, other_slots, self._root, self._own.directory)
        unowned = [slot for slot in found if not slot.is_owned or slot.directory == self._adopted]
        self.other_pending_bytes = sum(slot.pending_bytes for slot in found)
        self.unowned_slots = len(unowned)
        self._own.limit(left_bytes=sum(slot.size for slot in unowned))
        return [slot.directory for slot in unowned if slot.directory != self._adopted]

    async def _adopt(self, directory: Path) -> None:
        spool = await asyncio.get_running_loop().run_in_executor(None, self._open, directory)
        if spool is None:
            return
        log.info("taking over a slot of the spool", slot=directory.name, bytes=spool.pending_bytes)
        self._adopted = directory
        delivery = self._new_delivery(spool)
        try:
            await delivery.start()
            while delivery.is_spooling and not self._stopping.is_set():
                await self._pause(_WHILE_REPLAYING_SECONDS)
                await self._look()
        finally:
            await delivery.close(self._close_timeout)
            self._adopted = None
        log.info("released a slot of the spool", slot=directory.name, bytes=spool.pending_bytes)

    def _open(self, directory: Path) -> Spool | None:
        slot = lock_slot(directory)
        # Nothing is appended to it, so the maximum does not matter.
        return None if slot is None else Spool(self._root, self._segment_bytes, 0, slot)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
