"""Pages that show kaskade, a terminal UI for Kafka, in a web browser: one process per open page.

textual-serve runs the process and implements the WebSocket protocol of its terminal script. Its page is not used,
since it loads a font from a third party and needs to know its public address.
"""

from __future__ import annotations

import html
import shlex
import sys
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import textual_serve
from aiohttp import web
from textual_serve.server import Server

from kafka_manager.limits import FETCH_LIMITS

if TYPE_CHECKING:
    from kafka_manager.settings import Settings

_PAGES: Final = resources.files("kafka_manager") / "pages"
_STATIC: Final = Path(textual_serve.__file__).parent / "static"


@dataclass(frozen=True)
class View:
    """A view of Kafka: path, title, description, and kaskade's arguments."""

    path: str
    title: str
    description: str
    arguments: tuple[str, ...]


def views(settings: Settings) -> list[View]:
    """Return the views, in the order of the index page."""
    avro = ("--avro", f"value={settings.schema_file}", "--avro", f"framing={settings.avro_framing}")
    return [
        View("admin", "Cluster", "Brokers, topics, partitions, settings, consumer groups and their lag.", ("admin",)),
        View(
            "avro",
            settings.avro_topic,
            "Events as the collector wrote them, decoded from Avro.",
            (*_consumer(settings.avro_topic), "-v", "avro", *avro),
        ),
        View(
            "json",
            settings.json_topic,
            "Events as Druid reads them.",
            (*_consumer(settings.json_topic), "-v", "json"),
        ),
        View(
            "dead",
            settings.dead_letter_topic,
            "Records that could not be used: their original bytes, with origin and reason in the headers.",
            (*_consumer(settings.dead_letter_topic), "-v", "bytes", "--bytes", "encoding=escaped"),
        ),
    ]


def _consumer(topic: str) -> tuple[str, ...]:
    return ("consumer", "-t", topic, "--earliest", "-k", "string", "--fallback", "encoding=escaped")


def client_config(settings: Settings) -> str:
    """Return kaskade's configuration file, which keeps Kafka's properties (and passwords) out of the process list."""
    properties: dict[str, str | int | bool] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "isolation.level": "read_committed",
        **FETCH_LIMITS,
        **settings.kafka_properties,
    }
    lines = [f"{key} = {_text(value)}" for key, value in properties.items()]
    return "\n".join(["[kafka]", *lines, ""])


def _text(value: str | int | bool) -> str:  # noqa: FBT001 - a property's value, whatever its type
    return str(value).lower() if isinstance(value, bool) else str(value).replace("%", "%%")


class Viewers:
    """Serves the index page and the views."""

    def __init__(self, settings: Settings, config_file: Path) -> None:
        """``config_file`` contains the result of `client_config`."""
        self._views = {view.path: view for view in views(settings)}
        self._open = 0
        self._most = settings.max_viewers
        kaskade = shlex.quote(str(Path(sys.executable).with_name("kaskade")))
        config = shlex.quote(str(config_file))
        self._servers = {
            view.path: Server(
                f"exec {kaskade} {view.arguments[0]} --config-file {config} {shlex.join(view.arguments[1:])}",
                title=view.title,
            )
            for view in self._views.values()
        }
        self._index = (_PAGES / "index.html").read_text(encoding="utf-8")
        self._page = (_PAGES / "view.html").read_text(encoding="utf-8")

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of pages, sockets and static files."""
        paths = "|".join(self._views)
        return [
            web.get("/", self._show_index),
            web.get(f"/{{view:{paths}}}", self._add_slash),
            web.get(f"/{{view:{paths}}}/", self._show_view),
            web.get(f"/{{view:{paths}}}/ws", self._serve_view),
            web.get(f"/{{view:{paths}}}/download/{{key}}", self._download),
            web.static("/static", _STATIC),
            web.static("/pages", str(_PAGES)),
        ]

    async def _show_index(self, _request: web.Request) -> web.Response:
        items = "".join(
            f'<li><a href="{view.path}/">{html.escape(view.title)}</a><p>{html.escape(view.description)}</p></li>'
            for view in self._views.values()
        )
        return _html(self._index.replace("{{ views }}", items))

    async def _add_slash(self, request: web.Request) -> web.Response:
        location = f"{request.path}/"
        raise web.HTTPPermanentRedirect(location)

    async def _show_view(self, request: web.Request) -> web.Response:
        view = self._views[request.match_info["view"]]
        return _html(self._page.replace("{{ title }}", html.escape(view.title)))

    async def _serve_view(self, request: web.Request) -> web.StreamResponse:
        # A browser sends its stored login even with WebSockets that another site opens, so accept only our own page.
        origin = request.headers.get("Origin")
        if origin is None or urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text=f"the page's origin must be {request.host}, but it is {origin}\n")
        if self._open >= self._most:
            text = f"{self._most} pages are already open, which is the limit; close one first\n"
            raise web.HTTPServiceUnavailable(text=text)
        self._open += 1
        try:
            return await self._servers[request.match_info["view"]].handle_websocket(request)
        finally:
            self._open -= 1

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await self._servers[request.match_info["view"]].handle_download(request)


def _html(text: str) -> web.Response:
    headers = {
        "Content-Security-Policy": (
            "default-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self' 'unsafe-inline'; "
            "connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    return web.Response(text=text, content_type="text/html", headers=headers, status=HTTPStatus.OK)
