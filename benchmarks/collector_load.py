"""The load of the collector's benchmark: events of visitors, requests of them, and connections that send these."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

_SERVICES = Path(__file__).resolve().parent.parent / "services"
sys.path[:0] = [str(_SERVICES / "collector"), str(_SERVICES / "common")]

from collector.model.base36 import to_base36  # noqa: E402
from collector.protocol.checksum import checksum  # noqa: E402

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

HEADERS = (
    "Host: localhost\r\n"
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36\r\nAccept: image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Referer: http://localhost:8290/shop/products/42\r\n"
)
PAGES = [f"https://shop.example/products/{number}?utm_source=news&utm_medium=mail" for number in range(200)]


def make_events(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Events of visitors that walk through a shop, the same for a seed; as the tracker's batch has them."""
    rng = random.Random(seed)  # noqa: S311 - not a secret
    events = []
    for number in range(count):
        party = f"{rng.randrange(2000):032x}"
        events.append(
            {
                "p": f"0:i1t84hgy:{party}",
                "s": f"0:i1t8q2b6:{party[::-1]}",
                "v": f"0:{rng.getrandbits(128):032x}",
                "e": f"0:{rng.getrandbits(128):032x}{number:x}",
                "c": 1_770_000_000_000 + number,
                "n": False,
                "f": number % 7 == 0,
                "l": rng.choice(PAGES),
                "r": "https://search.example/",
                "i": 1920,
                "j": 1040,
                "k": 2,
                "w": 1106,
                "h": 949,
                "t": "pageView",
                "u": {"product": number % 500, "price": 12.5},
            }
        )
    return events


def beacon(event: dict[str, Any]) -> bytes:
    """The event as a whole GET request with a right checksum."""
    parameters: dict[str, str] = {}
    for name, value in event.items():
        if isinstance(value, bool):
            parameters[name] = "t" if value else "f"
        elif isinstance(value, int):
            parameters[name] = to_base36(value)
        elif name == "u":
            parameters[name] = f"(dproduct!{to_base36(value['product'])}!jprice!{value['price']}!)"
        else:
            parameters[name] = value
    parameters["x"] = to_base36(checksum(list(parameters.items())))
    return f"GET /csc-event?{urlencode(parameters, quote_via=quote)} HTTP/1.1\r\n{HEADERS}\r\n".encode()


def batch(events: Sequence[dict[str, Any]]) -> bytes:
    """The events as a whole POST request."""
    body = json.dumps({"events": events}).encode()
    head = f"POST /csc-batch HTTP/1.1\r\n{HEADERS}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection; tells the load when its answer is whole."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._rest = -1
        self._head = b""
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._transport: Any = transport
        self._load.free.append(self)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at that time."""
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count bytes until the answer is whole."""
        if self._rest < 0:
            self._head += data
            head, separator, body = self._head.partition(b"\r\n\r\n")
            if not separator:
                return
            if head[9:12] != b"200":
                self._load.failed += 1
            lower = head.lower()
            start = lower.index(b"content-length:") + 15
            length = int(lower[start : lower.find(b"\r\n", start)] if b"\r\n" in lower[start:] else lower[start:])
            self._head, self._rest = b"", length - len(body)
        else:
            self._rest -= len(data)
        if self._rest == 0:
            self._rest = -1
            self._load.answered(self)


class Load:
    """Requests in a closed loop, or an open one at a rate a second."""

    def __init__(self, requests: Sequence[bytes], connections: int, rate: float | None = None) -> None:
        self._requests = requests
        self._connections = connections
        self._rate = rate
        self._next = 0
        self._due: deque[float] = deque()
        self._ends = 0.0
        self.free: deque[Client] = deque()
        self.times: list[float] = []
        self.failed = 0
        self._now = asyncio.get_running_loop().time

    async def run(self, port: int, seconds: float, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> float:
        """Run it; requests answered a second."""
        loop = asyncio.get_running_loop()
        connections = [
            await loop.create_connection(lambda: Client(self), host, port, ssl=tls) for _ in range(self._connections)
        ]
        start = self._now()
        self._ends = start + seconds
        if self._rate is None:
            while self.free:
                self._send(self.free.popleft(), self._now())
            await asyncio.sleep(seconds)
        else:
            sent = 0
            while self._now() < self._ends:
                due = int((self._now() - start) * self._rate)
                self._due.extend(start + number / self._rate for number in range(sent, due))
                sent = due
                while self._due and self.free:
                    self._send(self.free.popleft(), self._due.popleft())
                await asyncio.sleep(0.0005)
        elapsed = self._now() - start
        answered = len(self.times)
        await asyncio.sleep(0.3)
        for transport, _ in connections:
            transport.close()
        return answered / elapsed

    def answered(self, client: Client) -> None:
        """An answer has come: the connection is free, or sends the next request at once."""
        now = self._now()
        self.times.append(now - client.due)
        if now >= self._ends:
            return
        if self._rate is None:
            self._send(client, now)
        elif self._due:
            self._send(client, self._due.popleft())
        else:
            self.free.append(client)

    def _send(self, client: Client, due: float) -> None:
        request = self._requests[self._next]
        self._next = (self._next + 1) % len(self._requests)
        client.send(request, due)
