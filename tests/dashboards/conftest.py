"""A database with the models' relations, the landing's hand and dbt's: those of tests/dbt; and one Superset."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.children import Children
from dashboards.superset.environment import set_up
from database.connect import connect
from database.migrate import migrate
from landfall.settings import Settings
from tests.conftest import at_database, create, drop
from tests.dashboards.superset_server import Superset
from tests.dbt.conftest import make_warehouse, warehouse

__all__ = ["make_warehouse", "warehouse"]

DATABASE = "test_superset"


@pytest.fixture(scope="session")
def superset(
    settings: Settings, templates: Callable[[bool], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Superset]:
    """One Superset for the whole run, over a database of its own with the models' relations (`superset.settings`).

    The first run on a machine installs its packages. Tests that land something see what other tests landed before.
    """
    set_up(print)
    home = tmp_path_factory.mktemp("superset") / "home"
    create(settings, DATABASE, template=templates(True))
    marts = replace(at_database(settings, DATABASE), home=home)
    migrate(marts)
    running = Superset(marts, Children(Path(home) / "superset"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
        with connect(settings.as_admin, autocommit=True) as admin:
            drop(admin, DATABASE)
