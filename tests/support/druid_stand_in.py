"""Druid's SQL endpoint over SQLite, for tests of who reads which rows. Standard library alone: it runs in a container.

Started with a JSON file: tables of schema `druid` by name, each a list of rows. GET /statements gives what was asked.
"""

import json
import re
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

PORT = 8888
_TIME = re.compile(r"CAST\((TIME_PARSE\('[^']*'\)) AS TIMESTAMP\)")

database = sqlite3.connect(":memory:", check_same_thread=False)
lock = Lock()
statements: list[str] = []


def load(tables: dict[str, list[dict[str, Any]]]) -> None:
    """Create the tables."""
    database.row_factory = sqlite3.Row
    # As much of Druid's functions as calculated columns need to be computed at all.
    database.create_function("TIME_PARSE", 1, lambda text: text)
    database.create_function("TIME_FORMAT", 2, lambda time, _: time)
    database.create_function("TIMESTAMP_TO_MILLIS", 1, lambda _: 0)
    database.create_function("REGEXP_LIKE", 2, lambda text, pattern: bool(re.search(pattern, text or "")))
    database.execute("ATTACH ':memory:' AS druid")
    database.execute("ATTACH ':memory:' AS INFORMATION_SCHEMA")
    database.execute("CREATE TABLE INFORMATION_SCHEMA.TABLES (TABLE_SCHEMA, TABLE_NAME)")
    names = "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, JDBC_TYPE, IS_NULLABLE, COLUMN_DEFAULT"
    database.execute(f"CREATE TABLE INFORMATION_SCHEMA.COLUMNS ({names})")
    for name, rows in tables.items():
        columns = ", ".join(f'"{column}"' for column in rows[0])
        database.execute(f"CREATE TABLE druid.{name} ({columns})")
        marks = ", ".join("?" for _ in rows[0])
        database.executemany(
            f"INSERT INTO druid.{name} VALUES ({marks})",  # noqa: S608 - the test's own names
            [tuple(row.values()) for row in rows],
        )
        database.execute("INSERT INTO INFORMATION_SCHEMA.TABLES VALUES ('druid', ?)", [name])
        described = [("druid", name, column, 12, "YES", "") for column in rows[0]]
        database.executemany("INSERT INTO INFORMATION_SCHEMA.COLUMNS VALUES (?, ?, ?, ?, ?, ?)", described)


class Endpoint(BaseHTTPRequestHandler):
    """Answers as a router does: a list of objects, or an error with its text."""

    def do_POST(self) -> None:
        """Run a query."""
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"]
        with lock:
            statements.append(query)
            try:
                found = [dict(row) for row in database.execute(_TIME.sub(r"\1", query))]
            except sqlite3.Error as error:
                text = f"{error}: {query}"
                return self._answer(400, {"error": "failed", "errorClass": "sqlite", "errorMessage": text})
        return self._answer(200, found)

    def do_GET(self) -> None:
        """Show the queries."""
        self._answer(200, statements)

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Say nothing."""


if __name__ == "__main__":
    load(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    ThreadingHTTPServer(("", PORT), Endpoint).serve_forever()
