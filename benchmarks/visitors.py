"""How many events a second the synthetic visitors can send by themselves, beside what their HTTP library can.

    python benchmarks/visitors.py --visits 6000

The other end answers at once and stores nothing, so the figures are the simulator's own: thinking visits up, writing
events down, sending them, keeping the ledger. The baseline, `bare aiohttp`, sends finished requests over as many
connections with the same library and notes nothing. The scenario is `original`, with its noise, by each transport.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / "services" / name) for name in ("collector", "common"))]

import aiohttp  # noqa: E402
import orjson  # noqa: E402
from yarl import URL  # noqa: E402

from tests.support.waiting import until  # noqa: E402
from visitors.behaviour import visits  # noqa: E402
from visitors.ledger import Ledger  # noqa: E402
from visitors.protocol import Run, beacon_query, events_of  # noqa: E402
from visitors.scenario import Scenario, load  # noqa: E402
from visitors.synthetic import CONNECTIONS, Synthetic  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from collector.http.request import Request


async def serve(port: int) -> None:
    """The other end: says at once that everything was taken."""
    from collector.answers import GIF  # noqa: PLC0415 - in the server's process only
    from collector.http.cors import CorsPolicy  # noqa: PLC0415
    from collector.http.responses import JSON, response  # noqa: PLC0415
    from collector.http.server import Limits, Route, Server  # noqa: PLC0415

    gif = response(HTTPStatus.OK, "image/gif", GIF)

    def batch(request: Request) -> None:
        accepted = [event["e"] for event in orjson.loads(request.body)["events"]]
        request.respond(response(HTTPStatus.OK, JSON, orjson.dumps({"accepted": accepted, "rejected": []})))

    routes = {
        b"/csc-event": Route(lambda request: request.respond(gif)),
        b"/csc-batch": Route(batch, body_limit=1 << 20),
    }
    server = Server(routes, Limits(), CorsPolicy())
    await server.listen("127.0.0.1", port)
    await asyncio.Event().wait()


async def play(scenario: Scenario, origin: str) -> int:
    """Events of the scenario, sent as fast as the simulator can."""
    started = int(time.time() * 1000)
    ledger = Ledger("a" * 8, scenario.name, started)
    await Synthetic(scenario, Run(ledger.run, origin, started), ledger, lambda _: None).send()
    if ledger.refused or ledger.retries:
        message = f"{ledger.refused} refused, {ledger.retries} retried"
        raise RuntimeError(message)
    return ledger.acknowledged + ledger.bot_events + ledger.duplicates_sent + ledger.corrupt_sent


async def bare(scenario: Scenario, origin: str, count: int) -> int:
    """So many finished beacons."""
    run = Run("b" * 8, origin, 0)
    some = [event for visit in list(visits(scenario))[:50] for event in events_of(visit, run, 0, returning=False)]
    urls = [URL(f"{run.event_url}?{beacon_query(event)}", encoded=True) for event in some]

    async def lane(client: aiohttp.ClientSession, number: int) -> None:
        for index in range(number, count, CONNECTIONS):
            async with client.get(urls[index % len(urls)]) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as client:
        await asyncio.gather(*(lane(client, number) for number in range(CONNECTIONS)))
    return count


def measure(name: str, action: Coroutine[Any, Any, int]) -> float:
    """Run it; print and return events a second of this process's time."""
    wall, processor = time.perf_counter(), time.process_time()
    events = asyncio.run(action)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(
        f"{name:14} {events:>8,} events   {events / wall:>7,.0f} events/s   "
        f"{processor / events * 1e6:>5.0f} us of processor an event   load average {os.getloadavg()[0]:.1f}"
    )
    return events / processor


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=6000)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
        return
    shipped = load("original")
    share = arguments.visits / shipped.visits
    groups = tuple(group.model_copy(update={"visits": round(group.visits * share)}) for group in shipped.visitors)
    scenario = shipped.model_copy(update={"visitors": groups, "events_per_second": 100_000})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    other = subprocess.Popen([sys.executable, __file__, "--serve", str(port)])
    try:
        origin = f"http://127.0.0.1:{port}"
        until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)), what="the server listens", seconds=30)
        baseline = measure("bare aiohttp", bare(scenario, origin, 5 * arguments.visits))
        for transport in ("beacon", "batch", "mixed"):
            chosen = scenario.model_copy(update={"transport": transport})
            rate = measure(transport, play(chosen, origin))
            print(f"{'':14} {rate / baseline:.2f} of bare aiohttp, by processor time")
    finally:
        other.terminate()
        other.wait(10)


if __name__ == "__main__":
    main()
