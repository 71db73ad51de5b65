"""An S3 server for tests (moto's), behind a proxy that can be slow, refuse, or lose answers."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

import boto3  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET: Final = "archive"


class Bucket:
    """A bucket and the way to it. Its state may change at any time."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self.refuse: tuple[int, str] | None = None
        """Status and S3's code with which every request that changes something is refused."""
        self.seconds = 0.0
        """How long each request takes."""
        self.lost_answers = 0
        """How many of the next requests that change something are done and never answered."""
        self._proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, server))
        self._proxy.daemon_threads = True
        threading.Thread(target=self._proxy.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._proxy.server_port}"
        self._client = boto3.client(
            "s3", endpoint_url=f"http://{server[0]}:{server[1]}", region_name="us-east-1",
            aws_access_key_id="id", aws_secret_access_key="secret",
        )  # fmt: skip
        self._client.create_bucket(Bucket=BUCKET)

    def settings(self, secret: Path) -> dict[str, object]:
        """Settings of an archive in it; `secret` is where the key's secret goes."""
        secret.write_text("secret\n")
        return {
            "folder": "",
            "bucket": BUCKET,
            "bucket_prefix": "clicks/test",
            "bucket_endpoint": self.endpoint,
            "bucket_access_key": "id",
            "bucket_secret_key_file": secret,
            "bucket_timeout_seconds": 3,
        }

    def download(self, folder: Path) -> Path:
        """Copy everything into a folder."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for item in (item for page in pages for item in page.get("Contents", ())):
            target = folder / item["Key"]
            target.parent.mkdir(parents=True, exist_ok=True)
            self._client.download_file(BUCKET, item["Key"], str(target))
        return folder / "clicks/test"

    def close(self) -> None:
        """Close the way to it."""
        self._proxy.shutdown()
        self._proxy.server_close()


def _handler(bucket: Bucket, server: tuple[str, int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(bucket.seconds)
            changes = self.command not in {"GET", "HEAD"}
            if changes and bucket.refuse:
                status, code = bucket.refuse
                self._answer(status, {}, f"<Error><Code>{code}</Code></Error>".encode())
                return
            connection = http.client.HTTPConnection(*server, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            if changes and bucket.lost_answers:
                bucket.lost_answers -= 1
                self.close_connection = True
                return
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _BETWEEN_TWO}
            self._answer(answer.status, kept, content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - the base class's names

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing."""

    return Handler


_BETWEEN_TWO: Final = {"connection", "date", "server", "transfer-encoding"}


@contextlib.contextmanager
def bucket() -> Iterator[Bucket]:
    """Run a server with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Bucket((host, port))
    try:
        yield found
    finally:
        found.close()
        server.stop()
