"""Entry point: prepares the metadata database, then becomes gunicorn."""

import logging
import os
import sys

from clickstream_superset import bootstrap, settings

# One worker, so that its caches and rate limits are whole; threads, because its work is waiting for Druid.
GUNICORN = (
    "gunicorn",
    "--bind=0.0.0.0:8088",
    "--workers=1",
    "--worker-class=gthread",
    "--threads=8",
    "--timeout=120",
    "--graceful-timeout=10",
    "--keep-alive=75",
    "--worker-tmp-dir=/dev/shm",
    "--no-control-socket",
    "clickstream_superset.wsgi:app",
)


def main() -> None:
    """Prepare and start; ends with EX_CONFIG when that failed."""
    bootstrap.configure_logging()
    try:
        bootstrap.prepare(settings.load())
    except (settings.SettingsError, bootstrap.BootstrapError) as error:
        for line in str(error).splitlines():
            logging.getLogger("clickstream").error(line)
        sys.exit(os.EX_CONFIG)
    sys.stdout.flush()
    os.execvp(GUNICORN[0], GUNICORN)  # noqa: S606 - fixed arguments


if __name__ == "__main__":
    main()
