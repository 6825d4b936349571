"""Superset's configuration: https://superset.apache.org/admin-docs/configuration/configuring-superset/

Read by Superset in the process that SUPERSET_CONFIG_PATH and SUPERSET_HOME are set for. Its own defaults stand where
nothing is said here.
"""

import json
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from superset.utils.log import AbstractEventLogger

_given = json.loads((Path(os.environ["SUPERSET_HOME"]) / "config.json").read_text(encoding="utf-8"))


class NoEvents(AbstractEventLogger):
    """Notes nothing: a dashboard that refreshes every 10 s would write 170,000 rows a day into Superset's tables."""

    def log(self, *_: object, **__: object) -> None:
        """Nothing."""


SECRET_KEY = _given["secret_key"]
SQLALCHEMY_DATABASE_URI = _given["database_uri"]
# Threads write one after another; SQLite's own patience is 5 s.
SQLALCHEMY_ENGINE_OPTIONS = {"connect_args": {"timeout": 30}} if SQLALCHEMY_DATABASE_URI.startswith("sqlite") else {}
APP_NAME = "Landfall"
EVENT_LOGGER = NoEvents()
LOG_LEVEL = "WARNING"
# Statements with the values that people filter by (a page shows its errors itself), and warnings for Superset's makers.
for _name in ("superset.models.helpers", "superset.views.base", "py.warnings"):
    logging.getLogger(_name).setLevel(logging.ERROR)
ALEMBIC_SKIP_LOG_CONFIG = True

# Who may ask, and for what. Nobody is let in without a log-in: there is no public role.
TRUSTED_HOSTS = _given["host_names"]
PUBLIC_ROLE_LIKE = None
AUTH_USER_REGISTRATION = False
WTF_CSRF_ENABLED = True
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"
RATELIMIT_APPLICATION = "1000 per second"  # a dashboard asks for some hundred files at once
AUTH_RATE_LIMIT = "30 per minute"
# By the folder: a browser sends cookies of 127.0.0.1 to every port, and so to the Superset of another state folder.
SESSION_COOKIE_NAME = _given["cookie"]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = False  # loopback has no TLS
PERMANENT_SESSION_LIFETIME = timedelta(hours=12)
ENABLE_CORS = False
FAB_API_SWAGGER_UI = False
GUEST_TOKEN_JWT_SECRET = GLOBAL_ASYNC_QUERIES_JWT_SECRET = SECRET_KEY

# Pages load from here and from nowhere else.
TALISMAN_ENABLED = True
TALISMAN_CONFIG: dict[str, Any] = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
MAPBOX_API_KEY = ""

# Values of events are texts, whatever stands in them.
HTML_SANITIZATION = True
FEATURE_FLAGS = {
    "ESCAPE_MARKDOWN_HTML": True,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "ENABLE_JAVASCRIPT_CONTROLS": False,
    "ALERT_REPORTS": False,
    "THUMBNAILS": False,
    "EMBEDDED_SUPERSET": False,
}

# Fresh figures: what is asked again within seconds, by several who look at one dashboard, is asked of Postgres once.
CACHE_DEFAULT_TIMEOUT = 5
DATA_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 5, "CACHE_THRESHOLD": 200}
DASHBOARD_AUTO_REFRESH_MODE = "fetch"

ROW_LIMIT = 10_000
SQL_MAX_ROW = 100_000
SUPERSET_WEBSERVER_TIMEOUT = 60
CELERY_CONFIG = None
