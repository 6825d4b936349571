"""Superset's tables, roles, administrator, connection to the marts and dashboards, made or brought up to date."""

import json
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import yaml

PREPARED = "prepared"
"""Holds the fingerprint of what was prepared last."""
IMPORTED = "imported.json"
"""Holds the UUIDs of what was imported last."""
METADATA = "version: 1.0.0\ntype: assets\n"
"""By which a bundle of dashboards is imported as the whole that it is, each part over the one of its UUID."""
READ_ONLY = {
    "expose_in_sqllab": True,
    "allow_ctas": False,
    "allow_cvas": False,
    "allow_dml": False,
    "allow_run_async": False,
    "allow_file_upload": False,
}


def is_prepared(given: Mapping[str, Any], folder: Path) -> bool:
    """Whether all that `given` asks for has been made, and is still there as far as a file can tell."""
    try:
        done = (folder / PREPARED).read_text(encoding="ascii").strip() == given["wanted"]
    except OSError:
        return False
    return done and (not given["database_uri"].startswith("sqlite") or (folder / "superset.db").exists())


def prepare(app: Any, given: Mapping[str, Any], folder: Path) -> None:
    """Do all of it; safe to repeat, and after a kill half-way. What people made in Superset stays.

    `app`: Superset's; `given`: the content of config.json.
    """
    from flask_migrate import upgrade

    with app.app_context():
        say("Superset's own tables")
        if given["database_uri"].startswith("sqlite"):
            write_ahead(folder / "superset.db")
        upgrade()
        app.sync_config_to_db()
        say("roles and the administrator")
        roles()
        administrator(given["admin"], given["admin_password"])
        say("dashboards")
        files = contents(Path(given["bundle"]))
        import_bundle(given["admin"], files, given["marts_uri"])
        forget_parts(folder / IMPORTED, uuids(files))
    (folder / PREPARED).write_text(given["wanted"] + "\n", encoding="ascii")


def say(line: str) -> None:
    """A line that `landfall dashboards` shows."""
    print(f"landfall: {line}", flush=True)


def write_ahead(path: Path) -> None:
    """Let readers go on while somebody writes."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=30)
    connection.execute("pragma journal_mode = wal")
    connection.close()


def roles() -> None:
    """As `superset init` makes them."""
    from superset import appbuilder, security_manager
    from superset.extensions import db

    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    db.session.commit()


def administrator(name: str, password: str) -> None:
    """The user with role Admin, with the password of the file, whatever it was before."""
    from superset import security_manager

    user = security_manager.find_user(username=name)
    if user is None:
        role = security_manager.find_role("Admin")
        security_manager.add_user(name, "Landfall", "Admin", "admin@localhost", role, password=password)
    else:
        security_manager.reset_password(user.id, password)


def contents(bundle: Path) -> dict[str, str]:
    """The files of a bundle by name, without its outermost folder."""
    from superset.commands.importers.v1.utils import get_contents_from_bundle

    with ZipFile(bundle) as archive:
        found: dict[str, str] = get_contents_from_bundle(archive)
    return {**found, "metadata.yaml": METADATA}


def import_bundle(user: str, files: Mapping[str, str], marts_uri: str) -> None:
    """Import these, over what has the same UUIDs and beside all else; its database is the marts.

    In one transaction, the password included: nobody sees dashboards without a connection.
    """
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    connected = {
        name: connection(text, marts_uri) if name.startswith("databases/") else text for name, text in files.items()
    }
    with override_user(security_manager.find_user(username=user)):
        ImportAssetsCommand(connected).run()


def uuids(files: Mapping[str, str]) -> set[str]:
    """Of the parts that these files are."""
    return {part["uuid"] for part in map(yaml.safe_load, files.values()) if "uuid" in part}


def forget_parts(known: Path, present: Collection[str]) -> None:
    """Delete charts, dashboards and datasets that an earlier bundle had and this one has not; note what it has.

    A chart without a place would stand at the foot of its dashboard for ever. What people made was in no bundle.
    """
    from superset.connectors.sqla.models import SqlaTable
    from superset.extensions import db
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    before = json.loads(known.read_text(encoding="ascii")) if known.exists() else []
    gone = set(before) - set(present)
    for kind in (Slice, Dashboard, SqlaTable):
        for part in db.session.query(kind).all():
            if str(part.uuid) in gone:
                db.session.delete(part)
    db.session.commit()
    known.write_text(json.dumps(sorted(present)), encoding="ascii")


def connection(text: str, marts_uri: str) -> str:
    """A bundle's file of the database, with the address and the password of the marts, to be read from only."""
    return yaml.safe_dump({**yaml.safe_load(text), **READ_ONLY, "sqlalchemy_uri": marts_uri})
