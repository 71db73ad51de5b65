"""Druid's SQL and Superset's API over one table in SQLite: real queries over rows that a test can change."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from infra.paths import SUPERSET_ASSETS
from infra.resources.superset.bundle import load_assets

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = (
    "__time", "party_id", "session_id", "event_id", "event_type", "country", "browser_name", "os_name", "path",
    "is_bot", "is_duplicate", "is_corrupt", "country_code", "is_new_party", "site", "host",
)  # fmt: skip
CALCULATED = {
    column["column_name"]: column["expression"]
    for column in load_assets(SUPERSET_ASSETS)["datasets/druid/clickstream.yaml"]["columns"]
    if column["column_name"] in {"country", "kind", "site_or_host"}
}
"""Columns of the dataset that the charts and their filters use, by the SQL that Superset puts in their place."""
USER, PASSWORD = "admin", "let me in"
METRICS = {
    "events": "COUNT(*)",
    "page_views": "COUNT(*) FILTER (WHERE event_type = 'pageView')",
    "sessions": "COUNT(DISTINCT session_id)",
    "unique_visitors": "COUNT(DISTINCT party_id)",
    "new_visitors": "COUNT(DISTINCT party_id) FILTER (WHERE is_new_party = 1)",
}


def chart(name: str, **form: Any) -> dict[str, Any]:
    """A chart as the dashboard's API gives it."""
    time = {"expressionType": "SIMPLE", "subject": "__time", "operator": "TEMPORAL_RANGE", "comparator": "Last day"}
    return {"slice_name": name, "form_data": {"datasource": "7__table", "adhoc_filters": [time], **form}}


@dataclass
class FakePlatform:
    """`charts` are on every dashboard; `hidden` is a condition that its numbers leave out."""

    charts: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    hidden: str = "1 = 0"
    queries: list[Mapping[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.table = sqlite3.connect(":memory:", check_same_thread=False)
        self.table.row_factory = sqlite3.Row
        self.table.create_function("MILLIS_TO_TIMESTAMP", 1, lambda value: value)
        self.table.execute(f"CREATE TABLE clickstream ({', '.join(COLUMNS)})")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def put(self, **row: Any) -> None:
        values = [row.get(name, 0) for name in COLUMNS]
        self.table.execute(f"INSERT INTO clickstream VALUES ({', '.join('?' * len(COLUMNS))})", values)  # noqa: S608

    def change(self, sql: str) -> None:
        self.table.execute(sql)

    def druid(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        values = [each["value"] for each in body["parameters"]]
        return [dict(row) for row in self.table.execute(body["query"], values)]

    def chart_data(self, body: Mapping[str, Any]) -> dict[str, Any]:
        query = body["queries"][0]
        self.queries.append(query)
        where, values = [f"NOT ({self.hidden})"], []
        for each in query["filters"]:
            column = f"({CALCULATED.get(each['col'], each['col'])})"
            if each["op"] == "IS NOT NULL":
                where.append(f"{column} IS NOT NULL")
            elif each["op"] == "IN":
                where.append(f"{column} IN ({', '.join('?' * len(each['val']))})")
                values += each["val"]
            elif each["op"] != "TEMPORAL_RANGE":
                where.append(f"{column} {each['op']} ?")
                values.append(each["val"])
        columns = [f'{METRICS[name]} AS "{name}"' for name in query["metrics"]]
        group = "".join(f" GROUP BY {CALCULATED.get(name, name)}" for name in query["columns"])
        selected = ", ".join([*(f"{CALCULATED.get(name, name)} AS {name}" for name in query["columns"]), *columns])
        sql = f"SELECT {selected} FROM clickstream WHERE {' AND '.join(where)}{group}"  # noqa: S608
        return {"result": [{"data": [dict(row) for row in self.table.execute(sql, values)]}]}


def _handler(platform: FakePlatform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

        def reply(self, body: str, kind: str = "application/json", status: int = 200, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/login/":
                self.reply('<input name="csrf_token" value="abc">', "text/html")
            elif path == "/api/v1/security/csrf_token/":
                self.reply(json.dumps({"result": "abc"}))
            else:
                assert path.startswith("/api/v1/dashboard/"), path
                self.reply(json.dumps({"result": platform.charts}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            path = urlsplit(self.path).path
            if path == "/login/":
                right = parse_qs(body)["password"] == [PASSWORD]
                self.reply("", "text/html", 302, Location="/" if right else "/login/")
            elif path == "/druid/v2/sql":
                self.reply(json.dumps(platform.druid(json.loads(body))), status=platform.status)
            else:
                assert path == "/api/v1/chart/data", path
                self.reply(json.dumps(platform.chart_data(json.loads(body))))

    return Handler
