"""Superset's configuration. Secrets come from files (settings.py); nothing here has a usable default for them."""

import logging
import os
from functools import partial

from superset.config import CSV_EXPORT as _CSV_EXPORT
from superset.config import THEME_DARK as _DARK
from superset.config import THEME_DEFAULT as _LIGHT

from clickstream_superset import audit, corrections, local_time, palette, settings, tiles

_settings = settings.load()

SECRET_KEY = _settings.secret_key
GUEST_TOKEN_JWT_SECRET = _settings.secret_key  # its default is a public string
SQLALCHEMY_DATABASE_URI = _settings.database_uri

APP_NAME = "Clickstream"
EVENT_LOGGER = audit.AuditLogger()
FLASK_APP_MUTATOR = partial(
    corrections.apply,
    home_dashboard=_settings.home_dashboard,
    time_zone=_settings.time_zone,
    site_viewers={viewer.username: viewer.sites for viewer in _settings.site_viewers},
)
LOGO_TARGET_PATH = "/"
# The spinner that the front end shows while it loads is missing in the Python package.
_SPINNER = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 50 50" width="50" height="50"><circle cx="25" cy="25" r="20" '
    'fill="none" stroke="#2893B3" stroke-width="4" stroke-dasharray="90 150" stroke-linecap="round"><animateTransform '
    'attributeName="transform" type="rotate" from="0 25 25" to="360 25 25" dur="1s" repeatCount="indefinite"/>'
    "</circle></svg>"
)
_BRAND = {"brandAppName": APP_NAME, "brandSpinnerSvg": _SPINNER}
THEME_DEFAULT = {**_LIGHT, "token": {**_LIGHT["token"], **_BRAND}}
THEME_DARK = {**_DARK, "token": {**_DARK["token"], **_BRAND}}
# One line per query, or a warning per page, does not help an operator; errors are kept.
for _name in ("superset.viz", "superset.views.base", "py.warnings"):
    logging.getLogger(_name).setLevel(logging.ERROR)
EXTRA_CATEGORICAL_COLOR_SCHEMES = palette.CATEGORICAL
EXTRA_SEQUENTIAL_COLOR_SCHEMES = palette.SEQUENTIAL
MAPBOX_API_KEY = ""  # maps are drawn here and need none
BLUEPRINTS = [tiles.blueprint]
DECKGL_BASE_MAP = [[f"tile://{tiles.URL}", "World"]]
FEATURE_FLAGS = {"DASHBOARD_RBAC": True, "EMBEDDED_SUPERSET": False, "ALERT_REPORTS": False}
AUTH_ROLE_PUBLIC = "Public"
PUBLIC_ROLE_LIKE = None

# Behind the edge, which sets exactly these three headers and drops what visitors send in them.
ENABLE_CORS = False  # its default trusts two map tile servers
ENABLE_PROXY_FIX = True
PROXY_FIX_CONFIG = {"x_for": 1, "x_proto": 1, "x_host": 1, "x_port": 0, "x_prefix": 0}
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _settings.tls
WTF_CSRF_ENABLED = True
WTF_CSRF_TIME_LIMIT = 60 * 60 * 24 * 7
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"
AUTH_RATE_LIMIT = "10 per second"

_cache = os.environ.get("SUPERSET_CACHE_DIR", "/var/cache/superset")
CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": f"{_cache}/meta",
    "CACHE_DEFAULT_TIMEOUT": 300,
    "CACHE_KEY_PREFIX": "meta_",
}
# "fetch" may answer from this cache, so that many viewers cost one set of queries. An answer's life is at most half the
# interval of its dashboard, so that a refresh is never answered with what the last one showed, even if that came late:
# 4 s, or what a chart says (cache_timeout).
DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": f"{_cache}/data",
    "CACHE_DEFAULT_TIMEOUT": 4,
    "CACHE_THRESHOLD": 2000,
    "CACHE_KEY_PREFIX": "data_",
}
DASHBOARD_AUTO_REFRESH_MODE = "fetch"
# Counted from the end of a refresh, which takes most of a second: Live says 3 s to be refreshed every 4.
DASHBOARD_AUTO_REFRESH_INTERVALS = [
    [0, "Don't refresh"],
    [3, "3 seconds"],
    [5, "5 seconds"],
    [10, "10 seconds"],
    [30, "30 seconds"],
    [60, "1 minute"],
    [300, "5 minutes"],
]
SUPERSET_WEBSERVER_TIMEOUT = 60

# "Last hour" and "Last day" end now. With the default, "today", the first is an error and the second ends at midnight.
DEFAULT_RELATIVE_START_TIME = "now"
DEFAULT_RELATIVE_END_TIME = "now"
TIME_GRAIN_ADDON_EXPRESSIONS = {"druid": local_time.grains(_settings.time_zone)}
CSV_EXPORT = {**_CSV_EXPORT, **local_time.download(_settings.time_zone)}

# Only this host, ever: also blocks the telemetry pixel that is compiled into the front end.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,  # the edge redirects
    "session_cookie_secure": _settings.tls,
}
