"""What Superset keeps of one state folder: LANDFALL_HOME/superset, with its secrets, its own tables and its log."""

import hashlib
import json
import secrets
from pathlib import Path
from urllib.parse import urlencode
from zipfile import ZipFile

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from dashboards.superset.environment import lock_hash
from landfall.errors import UserError
from landfall.login import READER
from landfall.settings import DSN_VARIABLES, Settings
from landfall.state import open_state, write_private

ADMIN = "admin"
SQLITE = "superset.db"
CONFIG = "config.json"
PASSWORD = "admin-password"
SECRET_KEY = "secret-key"
BUNDLE = "landfall-dashboards.zip"
MADE_BY = 1
"""Raise it when dashboards/superset/inside prepares Superset otherwise: what was prepared before is prepared again."""
KEEP_ALIVE = {"connect_timeout": 10, "keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5}
"""Those of database/connect.py that psycopg2 and any pooler know."""


def folder_of(home: Path) -> Path:
    """The folder in the state folder `home`."""
    return home / "superset"


def open_folder(home: Path) -> Path:
    """The folder, made where it is missing, closed to other users."""
    open_state(home)
    folder = folder_of(home)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_config(settings: Settings) -> Path:
    """Write what Superset is to know, mode 600, the bundle in the folder included: its path.

    Raises UserError where no login of bi_reader is known, and where the secret key is lost.
    """
    folder = open_folder(settings.home)
    config = {
        "secret_key": secret_key(folder),
        "database_uri": settings.superset_database_uri or f"sqlite:///{folder / SQLITE}?check_same_thread=false",
        "cookie": f"landfall_{hashlib.sha256(bytes(folder)).hexdigest()[:8]}",
        "host_names": ["127.0.0.1", "localhost", *settings.host_names],
        "admin": ADMIN,
        "admin_password": kept(folder / PASSWORD),
        "marts_uri": marts_uri(reader_dsn(settings)),
        "bundle": str(folder / BUNDLE),
    }
    prepared_from = ("secret_key", "database_uri", "admin", "admin_password", "marts_uri")
    config["wanted"] = fingerprint([config[name] for name in prepared_from], folder / BUNDLE)
    write_private(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    return folder / CONFIG


def reader_dsn(settings: Settings) -> str:
    """The DSN of bi_reader: never another login's, since who looks at dashboards may ask what the login may."""
    _ = settings.as_transformer  # that there is no Postgres at all is said first
    if READER not in settings.dsns:
        raise UserError(
            f"{DSN_VARIABLES[READER]} is not set: Superset reads the marts as {READER} and as nobody else."
            " Set it to a login that `landfall migrate` then makes."
        )
    return settings.dsns[READER]


def marts_uri(dsn: str) -> str:
    """A libpq DSN as SQLAlchemy writes it, the password included: never log it."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    user, password, database = (parts.pop(name, None) for name in ("user", "password", "dbname"))
    several = "," in parts.get("host", "") + parts.get("port", "")
    host, port = (None, None) if several else (parts.pop("host", None), parts.pop("port", None))
    uri = URL.create("postgresql+psycopg2", user, password, host, int(port) if port else None, database)
    query = {"application_name": "landfall dashboards", **KEEP_ALIVE, **parts}
    return f"{uri.render_as_string(hide_password=False)}?{urlencode(query)}"


def secret_key(folder: Path) -> str:
    """Superset's key, which encrypts the passwords it keeps. Raises UserError when it is lost and those are not."""
    path = folder / SECRET_KEY
    if not path.exists() and (folder / SQLITE).exists():
        raise UserError(
            f"{path} is missing, with which the passwords in {SQLITE} are encrypted: restore it from a backup, or"
            f" remove {folder} with all its charts and users, and start again."
        )
    return kept(path)


def kept(path: Path) -> str:
    """The secret in this file of mode 600; a new one where there is none."""
    try:
        if found := path.read_text(encoding="utf-8").strip():
            return found
    except FileNotFoundError:
        pass
    write_private(path, secrets.token_urlsafe(32) + "\n")
    return path.read_text(encoding="utf-8").strip()


def fingerprint(settings: list[object], bundle: Path) -> str:
    """Names all that Superset's tables are prepared from: what is prepared already needs no second time."""
    with ZipFile(bundle) as archive:
        files = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in sorted(archive.namelist())}
    said = json.dumps([MADE_BY, lock_hash(), settings, files])
    return hashlib.sha256(said.encode()).hexdigest()
