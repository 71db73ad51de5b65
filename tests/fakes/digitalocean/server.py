"""The HTTP server: in a thread of a test, or as a process of its own."""

import asyncio
import secrets
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.fakes.digitalocean import control
from tests.fakes.digitalocean.api import (
    account,
    actions,
    domains,
    droplet_actions,
    droplets,
    firewalls,
    monitoring,
    projects,
    registry,
    reserved_ips,
    snapshots,
    ssh_keys,
    tags,
    volumes,
    vpcs,
)
from tests.fakes.digitalocean.backend import Backend
from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.guard import RATE, WITNESS, Exchange, Rate, Witness, guard
from tests.fakes.digitalocean.messages import CLOUD
from tests.fakes.digitalocean.timing import INSTANT, Timing

T = TypeVar("T")

ADDRESS = "127.0.0.1"
LONGEST_START = 900.0
"""The first start makes the image of the hosts."""

TABLES = (
    control.routes,
    account.routes,
    actions.routes,
    domains.routes,
    # Fixed paths before those with a number in their place.
    droplet_actions.routes,
    droplets.routes,
    firewalls.routes,
    monitoring.routes,
    projects.routes,
    registry.routes,
    reserved_ips.routes,
    snapshots.routes,
    ssh_keys.routes,
    tags.routes,
    volumes.routes,
    vpcs.routes,
)


def _nobody(exchange: Exchange) -> None:
    del exchange


def application(cloud: Cloud, witness: Witness = _nobody) -> web.Application:
    """Everything that is served. The witness is shown every answer of the API."""
    app = web.Application(middlewares=[guard], client_max_size=4 * 1024 * 1024)
    app[CLOUD] = cloud
    app[RATE] = Rate()
    app[WITNESS] = witness
    for table in TABLES:
        app.add_routes(table)
    return app


class Simulator:
    """A simulated account behind an address. A context manager: afterwards nothing of it is left."""

    def __init__(
        self,
        *,
        timing: Timing = INSTANT,
        backend: Backend | None = None,
        token: str | None = None,
        port: int = 0,
        witness: Witness = _nobody,
    ) -> None:
        """Port 0 is any free one; without a token one is made."""
        self.token = token or f"dop_v1_{secrets.token_hex(32)}"
        self.url = ""
        self._port, self._witness = port, witness
        self._timing, self._backend = timing, backend
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="digitalocean", daemon=True)
        self._cloud: Cloud | None = None
        self._runner: web.AppRunner | None = None

    def start(self) -> Self:
        """Serves from now on; whatever start fails with, nothing is left behind."""
        self._thread.start()
        try:
            self._wait(self._start(), LONGEST_START)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Takes every host, network and device away, then ends."""
        self._wait(self._stop(), LONGEST_START)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    __enter__ = start

    def __exit__(self, *exception: object) -> None:
        """Ends."""
        self.stop()

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    async def _start(self) -> None:
        # Made in the loop that it belongs to.
        self._cloud = Cloud(timing=self._timing, backend=self._backend, token=self.token)
        await self._cloud.backend.start()
        self._runner = web.AppRunner(application(self._cloud, self._witness), access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, ADDRESS, self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://{ADDRESS}:{port}"

    async def _stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        if self._cloud:
            await self._cloud.end()
