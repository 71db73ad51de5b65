"""Brings the metadata database to this image's release, doing nothing when it is there already."""

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from clickstream_superset.settings import Settings

HERE = Path(__file__).parent
SEED = HERE / "seed.sql"
RELEASE = HERE / "release.txt"
# Any fixed number: two containers that start at once take turns.
LOCK = 6_100_000_001

logger = logging.getLogger("clickstream.bootstrap")


class BootstrapError(Exception):
    """The metadata database cannot be used; the message says why and what to do."""


def configure_logging() -> None:
    """Log to stderr. Needed again after Alembic, which sets up logging its own way and turns off every other logger."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    logger.disabled = False


def connect(settings: Settings) -> Connection:
    """Connect as soon as PostgreSQL answers.

    A server that is starting, or a name that is not known yet, is waited for; a refused login is not.

    Raises:
        BootstrapError: the login was refused, or nothing answered within `settings.db_wait_seconds`.
    """
    where = f"PostgreSQL at {settings.db_host}:{settings.db_port}"
    give_up = time.monotonic() + settings.db_wait_seconds
    waiting = False
    while True:
        try:
            return psycopg2.connect(
                host=settings.db_host,
                port=settings.db_port,
                user=settings.db_user,
                password=settings.db_password,
                dbname=settings.db_name,
                connect_timeout=3,
                application_name="superset-bootstrap",
            )
        except psycopg2.OperationalError as error:
            reason = " ".join(str(error).split())
            if "password authentication failed" in reason or "does not exist" in reason:
                hint = "check SUPERSET_DB_USER, SUPERSET_DB_NAME and the secret in SUPERSET_DB_PASSWORD_FILE"
                message = f"{where} refused the login: {reason}; {hint}"
                raise BootstrapError(message) from error
            if time.monotonic() >= give_up:
                message = f"{where} did not answer within {settings.db_wait_seconds:.0f} s: {reason}"
                raise BootstrapError(message) from error
            if not waiting:
                logger.info("waiting for %s: %s", where, reason)
                waiting = True
            time.sleep(0.25)


@contextmanager
def only_one(database: Connection) -> Iterator[None]:
    """Hold the set-up lock of the metadata database."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        database.commit()
        try:
            yield
        finally:
            database.rollback()
            cursor.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
            database.commit()


def recorded_release(database: Connection) -> str | None:
    """Release that the database was last set up for; None when there is no record of one."""
    with database, database.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.clickstream_release') IS NOT NULL")
        if not _first(cursor.fetchone()):
            return None
        cursor.execute("SELECT release FROM public.clickstream_release")
        row = cursor.fetchone()
        return None if row is None else str(row[0])


def record_release(database: Connection, release: str) -> None:
    """Remember that the database is set up for `release`. The caller commits."""
    with database.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS public.clickstream_release (release text NOT NULL, at timestamptz NOT NULL)"
        )
        cursor.execute("DELETE FROM public.clickstream_release")
        cursor.execute("INSERT INTO public.clickstream_release VALUES (%s, now())", (release,))


def is_empty(database: Connection) -> bool:
    """Return whether the database holds no table at all."""
    with database, database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        return _first(cursor.fetchone()) == 0


def load_seed(database: Connection, release: str) -> None:
    """Create the schema, permissions and roles that the image build made, in one transaction."""
    with database, database.cursor() as cursor:
        cursor.execute(SEED.read_text(encoding="utf-8"))
        cursor.execute("SET search_path TO public")
        record_release(database, release)


def migrate() -> None:
    """Run Superset's own migrations and synchronise permissions and roles: its `db upgrade` and `init` in one."""
    from flask_migrate import upgrade  # noqa: PLC0415 - these imports cost seconds, and only this path needs them
    from superset.app import create_app  # noqa: PLC0415

    app = create_app()
    with app.app_context():
        from superset import appbuilder, security_manager  # noqa: PLC0415
        from superset.extensions import db  # noqa: PLC0415

        upgrade()
        configure_logging()
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        db.session.commit()


def prepare(settings: Settings) -> None:
    """Bring the metadata database to this image's release.

    Raises:
        BootstrapError: it cannot be reached, or it was made by a newer Superset.
    """
    release = RELEASE.read_text(encoding="ascii").strip()
    with closing(connect(settings)) as database, only_one(database):
        recorded = recorded_release(database)
        if recorded == release:
            logger.info("metadata database is at release %s already", release)
            return
        started = time.monotonic()
        if is_empty(database):
            load_seed(database, release)
            done = "created"
        else:
            _migrate_or_explain()
            with database:
                record_release(database, release)
            done = f"migrated from {recorded or 'an unknown release'}"
        logger.info("metadata database %s in %.1f s (release %s)", done, time.monotonic() - started, release)


def _migrate_or_explain() -> None:
    from alembic.util.exc import CommandError  # noqa: PLC0415

    try:
        migrate()
    except CommandError as error:
        message = (
            f"the metadata database cannot be migrated ({error}); "
            "it was made by a newer Superset: deploy that version, or restore an older backup"
        )
        raise BootstrapError(message) from error


def _first(row: tuple[object, ...] | None) -> object:
    return None if row is None else row[0]
