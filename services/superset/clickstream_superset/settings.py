"""The container's settings: environment variables, and secrets from files. One reader for every process in it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo


class SettingsError(Exception):
    """One or more settings are missing or invalid; the message lists them all."""


@dataclass(frozen=True)
class SiteViewer:
    """A login that sees only the rows of some sites."""

    username: str
    sites: tuple[str, ...]
    password: str


@dataclass(frozen=True)
class Settings:
    """The container's settings.

    `secret_key` signs sessions and encrypts stored passwords: at least 42 characters, and never changed.
    `public` says that some dashboards need no login. `home_dashboard` is the slug of the one that people see first,
    or empty for Superset's own page. `tls` says that visitors reach the proxy in front by https. `time_zone` is the
    container's own, an IANA name: Superset computes with the local time of its process.
    """

    secret_key: str
    db_host: str
    db_port: int
    db_user: str
    db_name: str
    db_password: str
    admin_user: str
    admin_password: str
    viewer_user: str
    viewer_password: str
    site_viewers: tuple[SiteViewer, ...]
    public: bool
    home_dashboard: str
    tls: bool
    time_zone: str
    db_wait_seconds: float

    @property
    def database_uri(self) -> str:
        """SQLAlchemy URI of the metadata database, password included."""
        credentials = f"{quote(self.db_user, safe='')}:{quote(self.db_password, safe='')}"
        return f"postgresql+psycopg2://{credentials}@{self.db_host}:{self.db_port}/{self.db_name}"


def load() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: naming every setting that is wrong, what was given and what is allowed.
    """
    errors: list[str] = []

    def secret(name: str, shortest: int) -> str:
        path = os.environ.get(name, "")
        if path:
            return _content(name, path, shortest, errors)
        errors.append(f"{name} is not set: name the file that holds the secret")
        return ""

    def number(name: str, default: int, largest: int) -> int:
        given = os.environ.get(name, str(default))
        if given.isascii() and given.isdigit() and 0 < int(given) <= largest:
            return int(given)
        errors.append(f"{name} is {given!r}: give a whole number from 1 to {largest}")
        return default

    def switch(name: str) -> bool:
        given = os.environ.get(name, "false")
        if given not in ("true", "false", "1", "0"):
            errors.append(f"{name} is {given!r}: give true or false")
        return given in ("true", "1")

    settings = Settings(
        secret_key=secret("SUPERSET_SECRET_KEY_FILE", 42),
        db_host=os.environ.get("SUPERSET_DB_HOST", "postgres"),
        db_port=number("SUPERSET_DB_PORT", 5432, 65535),
        db_user=os.environ.get("SUPERSET_DB_USER", "superset"),
        db_name=os.environ.get("SUPERSET_DB_NAME", "superset"),
        db_password=secret("SUPERSET_DB_PASSWORD_FILE", 1),
        admin_user=os.environ.get("SUPERSET_ADMIN_USER", "admin"),
        admin_password=secret("SUPERSET_ADMIN_PASSWORD_FILE", 12),
        viewer_user=os.environ.get("SUPERSET_VIEWER_USER", "viewer"),
        viewer_password=secret("SUPERSET_VIEWER_PASSWORD_FILE", 12),
        site_viewers=_site_viewers("SUPERSET_SITE_VIEWERS", errors),
        public=switch("SUPERSET_PUBLIC"),
        home_dashboard=os.environ.get("SUPERSET_HOME_DASHBOARD", ""),
        tls=switch("SUPERSET_TLS"),
        time_zone=os.environ.get("TZ") or "UTC",
        db_wait_seconds=number("SUPERSET_DB_WAIT_SECONDS", 120, 3600),
    )
    errors += _clashes(settings) + _unknown_zone(settings.time_zone)
    if errors:
        raise SettingsError("\n".join(errors))
    return settings


def _content(name: str, path: str, shortest: int, errors: list[str]) -> str:
    """The secret in a file; errors are appended to `errors`."""
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        errors.append(f"{name}: cannot read {path}: {error}")
        return ""
    if len(value) < shortest:
        errors.append(f"{name}: {path} holds {len(value)} characters, at least {shortest} are needed")
    return value


def _site_viewers(name: str, errors: list[str]) -> tuple[SiteViewer, ...]:
    given = os.environ.get(name, "[]")
    try:
        found = [
            (str(item["username"]), tuple(map(str, item["sites"])), str(item["password_file"]))
            for item in json.loads(given)
        ]
    except (ValueError, TypeError, LookupError):
        errors.append(f"{name} is {given!r}: give a JSON list of objects with username, sites and password_file")
        return ()
    return tuple(SiteViewer(user, sites, _content(name, path, 12, errors)) for user, sites, path in found)


def _clashes(settings: Settings) -> list[str]:
    """Problems of accounts that share a name. Superset ignores case in user names."""
    errors = []
    taken = {settings.admin_user.lower(): "the administrator"}
    if settings.viewer_user.lower() in taken:
        errors.append(f"SUPERSET_VIEWER_USER is {settings.viewer_user!r}, the administrator: name another user")
    taken.setdefault(settings.viewer_user.lower(), "the viewer of all sites")
    for viewer in settings.site_viewers:
        name = viewer.username.lower()
        if name in taken:
            errors.append(f"SUPERSET_SITE_VIEWERS names {viewer.username!r}, {taken[name]}: name another user")
        taken[name] = "another viewer of a site"
    return errors


def _unknown_zone(name: str) -> list[str]:
    try:
        ZoneInfo(name)  # the C library takes an unknown name for UTC
    except (KeyError, ValueError, OSError):
        return [f"TZ is {name!r}: give a name of the IANA time zone database, for example Europe/Berlin"]
    return []
