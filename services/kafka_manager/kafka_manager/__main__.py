"""``python -m kafka_manager``: serves until SIGTERM."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

from aiohttp import web
from pydantic import ValidationError

from .app import make_app
from .settings import Settings
from .viewers import client_config


def main() -> int:
    """Serve; returns the process's exit code: 0 stopped, 2 a setting is wrong."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stdout)
    try:
        settings = Settings()  # pyright: ignore[reportCallIssue] - the environment gives the values
    except ValidationError as error:
        for item in error.errors():
            name = "KAFKA_MANAGER_" + ".".join(map(str, item["loc"])).upper()
            sys.stderr.write(f"{name}: {item['msg']}, got {item['input']!r}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="kafka-manager-") as folder:  # readable by this user alone
        config_file = Path(folder, "client.ini")
        config_file.write_text(client_config(settings), encoding="utf-8")
        os.environ["HOME"] = folder  # where kaskade keeps its log and looks for its settings
        web.run_app(
            make_app(settings, config_file),
            host=settings.host,
            port=settings.port,
            access_log=None,
            shutdown_timeout=2,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
