"""The web application: pages at /, API at /v3, health at /healthz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from kafka_manager.admin import KafkaAdmin
from kafka_manager.api import ADMIN, errors_as_json, routes
from kafka_manager.records import Records
from kafka_manager.viewers import Viewers

if TYPE_CHECKING:
    from pathlib import Path

    from kafka_manager.settings import Settings


def make_app(settings: Settings, config_file: Path) -> web.Application:
    """Return the application. ``config_file`` contains kaskade's client configuration."""
    app = web.Application(middlewares=[errors_as_json], client_max_size=256 * 1024)
    app[ADMIN] = KafkaAdmin(settings)
    app.add_routes(
        [
            web.get("/healthz", _healthz),
            *routes(),
            *Records(settings).routes(),
            *Viewers(settings, config_file).routes(),
        ]
    )
    return app


async def _healthz(_request: web.Request) -> web.Response:
    """Liveness of the manager alone: an unavailable broker must not cause a restart."""
    return web.json_response({"status": "ok"})
