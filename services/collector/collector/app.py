"""The running collector: its parts, start and shutdown."""

from __future__ import annotations

import asyncio
import gc
import signal
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from collector.delivery.adoption import Adoption
from collector.delivery.kafka import Delivery
from collector.delivery.spool import Spool
from collector.enrich.duplicates import DuplicateMemory
from collector.enrich.enricher import Enricher
from collector.enrich.write_keys import WriteKeys
from collector.http.cors import CorsPolicy
from collector.http.responses import JSON as JSON_TYPE
from collector.http.responses import TEXT, plain, response
from collector.http.script import Script
from collector.http.server import Limits, Route, Server
from collector.json_endpoint import JsonEndpoint
from collector.mapping.compile import load_mapping
from collector.metrics import Metrics, new_registry, render
from collector.openapi import description
from collector.outcomes import Outcomes
from collector.renewed_cookie import RenewedCookie
from collector.service import Collector
from collector.sources import BATCH, JSON, Sources

if TYPE_CHECKING:
    from collector.http.request import Request
    from collector.mapping.compile import RecordMapping
    from collector.settings import Settings

log = structlog.get_logger(__name__)
_GEO_CHECK_SECONDS: Final = 10
_ADOPTION_WINDOW: Final = 200
"""Messages of another collector's slot that are sent together: few, so that our own events hardly wait for them."""
_SCRIPT_IN_IMAGE: Final = Path("/usr/share/collector/divolte.js")


class App:
    """All parts of one process."""

    def __init__(self, settings: Settings, mapping: RecordMapping | None = None) -> None:
        """Open everything; needs a running event loop. OSError, ValueError or RuntimeError when a part cannot start."""
        self._settings = settings
        self.metrics = Metrics()
        self._registry = new_registry(self.metrics)
        mapping = mapping or load_mapping(settings.mapping_file, settings.schema_file)
        self.enricher = Enricher(settings)
        self.metrics.user_ids_dropped = self.enricher.user_ids.dropped
        root, segment_bytes = settings.spool_directory, settings.spool_segment_bytes
        self.spool = None if root is None else Spool(root, segment_bytes, settings.spool_max_bytes)
        self.delivery = Delivery(
            settings.kafka_config(), self.spool, self.metrics, settings.max_in_flight, queue_bytes=settings.queue_bytes,
            timeout=self._kafka_timeout,
        )  # fmt: skip
        self.adoption = None
        if root is not None and self.spool is not None:
            self.adoption = Adoption(
                root, segment_bytes, self.spool, self.delivery, self._delivery_of, self._close_timeout,
            )  # fmt: skip
        self.duplicates = self._open_duplicates()
        self.outcomes = Outcomes(self.metrics, self.duplicates)
        self.sources = Sources(settings)
        self.collector = Collector(settings, self.sources, mapping, self.enricher, self.delivery, self.outcomes)
        self.json_endpoint = JsonEndpoint(settings, self.sources, self.enricher, self.collector, WriteKeys.of(settings))
        cookie = RenewedCookie(settings, self.enricher.sites).header if settings.server_cookies else None
        self.server = Server(self._routes(), limits_of(settings), CorsPolicy(settings.allowed_origins), cookie)
        self._stop = asyncio.Event()
        self._is_stopping = False
        self._add_gauges()

    async def start(self) -> None:
        """Listen. OSError when the port is taken."""
        await self.delivery.start()
        if self.adoption is not None:
            self.adoption.start()
        await self.server.listen(self._settings.host, self._settings.port)
        log.info("collector listens", port=self.server.port)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then end without losing what was accepted."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self.start()
        # What start-up made stays forever; looking through it in each collection costs tail latency.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        housekeeping = loop.create_task(self._housekeeping())
        await self._stop.wait()
        await self.stop()
        housekeeping.cancel()

    async def stop(self) -> None:
        """Fail readiness, drain, and make the remaining events durable."""
        self._is_stopping = True
        log.info("shutting down")
        released = self.adoption.close() if self.adoption is not None else asyncio.sleep(0)
        await asyncio.gather(asyncio.sleep(self._settings.shutdown_delay), released)
        if not await self.server.drain(self._settings.shutdown_timeout):
            log.warning("clients still connected at shutdown", connections=self.server.open_connections)
        await self.delivery.close(self._close_timeout)
        if self.duplicates is not None:
            self.duplicates.close()
        log.info("stopped")

    async def _housekeeping(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(1)
            turn += 1
            self.server.expire()
            self.outcomes.answers.refresh()
            self.collector.dead_letters.report()
            try:
                await self.delivery.check()
                if turn % _GEO_CHECK_SECONDS == 0 and self.enricher.reload_changed():
                    self.metrics.geo_reloads += 1
            except Exception:
                log.exception("housekeeping failed")

    def _routes(self) -> dict[bytes, Route]:
        settings, collector = self._settings, self.collector
        routes = {
            "/ping": Route(self._ping, when_draining=True),
            "/live": Route(self._live, (b"GET",), when_draining=True),
            "/ready": Route(self._ready, (b"GET",), when_draining=True),
            "/metrics": Route(self._metrics, (b"GET",), when_draining=True),
        }
        handlers = {BATCH: collector.batch, JSON: self.json_endpoint.post}
        for source in self.sources.table:
            handler = handlers.get(source.name, collector.beacon)
            routes[source.path] = Route(handler, (source.method,), source.body_bytes, cross_origin=True)
        script = settings.script_file or (_SCRIPT_IN_IMAGE if _SCRIPT_IN_IMAGE.exists() else None)
        text = orjson.dumps(description(settings, with_script=script is not None), option=orjson.OPT_INDENT_2)
        routes[settings.openapi_path] = Route(partial(_send_json, text), (b"GET",), cross_origin=True)
        if script is not None:
            routes[settings.script_path] = Route(Script(script).answer, (b"GET",))
        return {path.encode(): route for path, route in routes.items()}

    def _ping(self, request: Request) -> None:
        if self._is_stopping:
            request.respond(plain(HTTPStatus.SERVICE_UNAVAILABLE, "No p*ng for you, shutting down"))
        else:
            request.respond(plain(HTTPStatus.OK, "pong"))

    def _live(self, request: Request) -> None:
        request.respond(plain(HTTPStatus.OK, "alive"))

    def _ready(self, request: Request) -> None:
        if self._is_stopping:
            request.respond(plain(HTTPStatus.SERVICE_UNAVAILABLE, "shutting down"))
        elif not self.delivery.can_accept:
            text = "neither Kafka nor the spool can take an event"
            request.respond(plain(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "2"}))
        else:
            request.respond(plain(HTTPStatus.OK, "spooling" if self.delivery.is_spooling else "ready"))

    def _metrics(self, request: Request) -> None:
        self.metrics.spooled = self.spool.spooled if self.spool is not None else 0
        self.metrics.spool_cut_bytes = self.spool.cut_bytes if self.spool is not None else 0
        self.metrics.rejected.update(self.server.refusals)
        self.server.refusals.clear()
        request.respond(response(HTTPStatus.OK, f"{TEXT}; version=0.0.4", render(self._registry)))

    @property
    def _close_timeout(self) -> float:
        """Seconds in which Kafka confirms a message or fails to."""
        return self._kafka_timeout + 1

    @property
    def _kafka_timeout(self) -> float:
        return self._settings.kafka_timeout_ms / 1000

    def _delivery_of(self, spool: Spool) -> Delivery:
        """A delivery beside our own, for the spool of a collector that no longer runs."""
        settings = self._settings
        return Delivery(
            settings.kafka_config(), spool, self.metrics, settings.max_in_flight, _ADOPTION_WINDOW,
            timeout=self._kafka_timeout,
        )  # fmt: skip

    def _open_duplicates(self) -> DuplicateMemory | None:
        settings = self._settings
        if settings.duplicate_window_seconds == 0:
            return None
        file = None if settings.state_directory is None else settings.state_directory / "duplicates"
        return DuplicateMemory(settings.duplicate_slots, settings.duplicate_window_seconds, file)

    def _add_gauges(self) -> None:
        add, delivery, spool, adoption = self.metrics.gauge, self.delivery, self.spool, self.adoption
        duplicates = self.duplicates
        add("queue_depth", "Messages handed to Kafka and not confirmed yet.", lambda: delivery.in_flight)
        add("spool_unwritten", "Messages waiting for the spool's disk.", lambda: spool.unwritten if spool else 0)
        add(
            "spool_pending_bytes",
            "Bytes to be replayed in all slots of the spool's directory, whoever owns them.",
            lambda: spool.pending_bytes + adoption.other_pending_bytes if spool and adoption else 0,
        )
        add(
            "spool_unowned_slots",
            "Slots with events of collectors that no longer run, which wait to be replayed or are being replayed.",
            lambda: adoption.unowned_slots if adoption else 0,
        )
        add(
            "duplicates_on_disk",
            "1 while recognised duplicates survive a restart; 0 when the disk had no room, or without recognition.",
            lambda: duplicates is not None and duplicates.is_on_disk,
        )
        add("spooling", "1 while events go to the spool.", lambda: delivery.is_spooling)
        add("kafka_connected", "1 while a broker answers.", lambda: delivery.is_connected)
        add("ready", "1 while an event can be made durable.", lambda: delivery.can_accept and not self._is_stopping)
        add("connections", "Open connections.", lambda: self.server.open_connections)
        add("request_bytes", "Bytes of requests that are being received or answered.", lambda: self.server.held_bytes)
        add("queue_bytes", "Bytes of messages that wait for Kafka or for the disk.", lambda: delivery.queued_bytes)


def limits_of(settings: Settings) -> Limits:
    """The server's limits."""
    return Limits(
        url_bytes=settings.url_bytes, head_bytes=settings.head_bytes, head_seconds=settings.head_timeout,
        body_seconds=settings.body_timeout, write_seconds=settings.write_timeout, idle_seconds=settings.idle_timeout,
        connections=settings.connections, memory_bytes=settings.request_memory_bytes,
    )  # fmt: skip


def _send_json(text: bytes, request: Request) -> None:
    request.respond(response(HTTPStatus.OK, JSON_TYPE, text, {"Cache-Control": "public, max-age=3600"}))
