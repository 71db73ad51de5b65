"""The simulator follows the names that a stack has chosen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import pytest

from infra.config import StackConfig
from tests.support.stack_config import raw_config
from visitors.access import Access
from visitors.ledger import Ledger
from visitors.protocol import Names, Run
from visitors.scenario import load
from visitors.synthetic import Synthetic

if TYPE_CHECKING:
    from email.message import Message

OUTPUTS = dict.fromkeys(("website", "druid", "superset", "adminUser", "adminPassword", "supersetPassword"), "x")
CHOSEN = {
    "collectorPrefix": "/c/", "collectorEventSuffix": "e", "collectorBatchSuffix": "b",
    "partyCookie": "who", "sessionCookie": "visit",
}  # fmt: skip


def names_of(**config: str) -> Names:
    tracking = StackConfig.parse("test", raw_config(**config)).tracking
    return Access.of_outputs(json.dumps({**OUTPUTS, "tracking": tracking.public_names})).names


class Site:
    """Takes every request, and remembers it; `events` is how many came in batches."""

    def __enter__(self) -> Self:
        self.requests: list[tuple[str, str, Message]] = []
        self.events = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Silent."""

            def answer(self, body: bytes) -> None:
                site.requests.append((self.command, self.path.partition("?")[0], self.headers))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.answer(b"GIF")

            def do_POST(self) -> None:
                events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["events"]
                site.events += len(events)
                self.answer(json.dumps({"accepted": [event["e"] for event in events], "rejected": []}).encode())

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (CHOSEN, {("GET", "/c/e"), ("POST", "/c/b")}),
        ({**CHOSEN, "collectorBatchSuffix": ""}, {("GET", "/c/e")}),
        ({}, {("GET", "/csc-event"), ("POST", "/csc-batch")}),
    ],
)
def test_visits_go_where_the_stack_takes_them_with_its_cookies(
    config: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    names = names_of(**config)
    scenario = load("small").model_copy(update={"events_per_second": 100_000})
    with Site() as site:
        run = Run("0123abcd", f"http://127.0.0.1:{site.server.server_port}", 1_795_000_000_000, names)
        visitors = Synthetic(scenario, run, Ledger(run.name, scenario.name, run.started_ms), lambda _: None)
        # asyncio.run would leave this thread without an event loop, which Pulumi's mocks want.
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            loop.run_until_complete(visitors.send())
    assert {(method, path) for method, path, _ in site.requests} == expected
    party, session = (config.get("partyCookie", "_dvp"), config.get("sessionCookie", "_dvs"))
    assert all(headers["Cookie"].startswith(f"{party}=0:") for _, _, headers in site.requests)
    assert all(f"; {session}=0:" in headers["Cookie"] for _, _, headers in site.requests)


def test_a_stack_without_that_output_has_the_default_names() -> None:
    assert Access.of_outputs(json.dumps(OUTPUTS)).names == Names()
