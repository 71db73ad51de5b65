"""Refuses pushes that the registry's subscription does not allow: nginx asks before it passes a request on."""

import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LIMITS = Path("/logins/limits")
STORED = Path("/registry/docker/registry/v2")
WRITE = re.compile(r"/v2/(.+?)/(?:blobs/uploads|manifests)/")


class Quota:
    """Counts what is stored, and repositories that a push has begun."""

    def __init__(self) -> None:
        """Nothing has been pushed."""
        self._lock = threading.Lock()
        self._limits = ""
        self._begun: set[str] = set()

    def refusal(self, method: str, uri: str, length: int) -> str:
        """Why the request is denied; empty if it is not."""
        match = WRITE.match(uri)
        if method in ("GET", "HEAD", "DELETE") or match is None:
            return ""
        with self._lock:
            limits = LIMITS.read_text()
            if limits != self._limits:
                self._limits, self._begun = limits, set()
            allowed = json.loads(limits)
            return self._too_many(match[1], allowed["repositories"]) or self._too_much(length, allowed["storage_bytes"])

    def _too_many(self, repository: str, limit: int) -> str:
        repositories = stored_repositories() | self._begun
        if limit and repository not in repositories and len(repositories) >= limit:
            return f"registry contains {len(repositories)} repositories, limit is {limit}"
        self._begun.add(repository)
        return ""

    @staticmethod
    def _too_much(length: int, limit: int) -> str:
        used = sum(file.stat().st_size for file in STORED.glob("blobs/**/data")) if limit else 0
        return f"registry storage of {limit} bytes is exceeded" if limit and used + length > limit else ""


def stored_repositories() -> set[str]:
    """Those with a manifest."""
    root = STORED / "repositories"
    return {str(Path(folder).relative_to(root)) for folder, folders, _ in os.walk(root) if "_manifests" in folders}


class Handler(BaseHTTPRequestHandler):
    """Answers 204, or 403 with the reason."""

    quota = Quota()

    def do_GET(self) -> None:
        """The request in question is in the headers."""
        length = self.headers.get("X-Length") or "0"
        refusal = self.quota.refusal(self.headers["X-Method"], self.headers["X-Uri"], int(length))
        self.send_response(403 if refusal else 204)
        if refusal:
            self.send_header("X-Refusal", refusal)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: nginx logs what fails."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 5002), Handler).serve_forever()
