"""``python -m kafka_manager``: serves until SIGTERM."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from aiohttp import web
from clickstream_service import logs

from kafka_manager.app import make_app
from kafka_manager.settings import Settings
from kafka_manager.viewers import client_config


def main() -> int:
    """Serve and return the exit status, as listed in CONTRIBUTING.md."""
    settings = Settings.load_or_exit()
    logs.configure(settings.log_level)
    with tempfile.TemporaryDirectory(prefix="kafka-manager-") as folder:  # readable only by this user
        config_file = Path(folder, "client.ini")
        config_file.write_text(client_config(settings), encoding="utf-8")
        os.environ["HOME"] = folder  # for kaskade's log and settings
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
