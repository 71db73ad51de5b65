"""The bare handlers that the collector is measured against: granian's, and one on the collector's own server."""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "services" / name) for name in ("collector", "common")]


async def granian_hello(_scope: Any, protocol: Any) -> None:
    """An RSGI application that answers at once."""
    protocol.response_bytes(200, [("content-type", "text/plain")], b"hello")


async def main(port: int) -> None:
    """Serve the same with the collector's server."""
    from collector.http.cors import CorsPolicy  # noqa: PLC0415
    from collector.http.responses import plain  # noqa: PLC0415 - granian loads this module without it
    from collector.http.server import Limits, Route, Server  # noqa: PLC0415

    answer = plain(HTTPStatus.OK, "hello")
    server = Server({b"/csc-event": Route(lambda request: request.respond(answer))}, Limits(), CorsPolicy())
    await server.listen("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
