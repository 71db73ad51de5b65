"""A forwarder to a server on this machine, plain or with TLS, that can be closed and opened again."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine
    from typing import Any


class Forwarder:
    """Forwards connections while it is open. While it is closed, it aborts existing and new ones."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        """Forward to that port of the loopback interface."""
        self._target, self._tls = target, tls
        self._loop = asyncio.new_event_loop()
        self._is_open = True
        self._transports: set[asyncio.WriteTransport] = set()
        self._forwarding: set[asyncio.Task[Any]] = set()
        self.refused = 0
        """Connections that were made while it was closed."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def url(self, host: str) -> str:
        """Its address under a host name that resolves to the loopback interface."""
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"

    def open(self) -> None:
        """Forward connections again."""
        self._is_open = True

    def close(self) -> None:
        """Cut connections from now on."""
        self._is_open = False
        self._do(self._cut())

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        for transport in self._transports:
            transport.abort()

    async def _end(self) -> None:
        self._server.close()
        await self._cut()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open:
            self.refused += 1
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)
        to_server, from_here = await asyncio.open_connection("127.0.0.1", self._target)
        ends = {writer.transport, from_here.transport}
        self._transports |= ends
        await asyncio.gather(_copy(reader, from_here), _copy(to_server, writer))
        self._transports -= ends


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()
