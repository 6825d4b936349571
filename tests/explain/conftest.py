"""A database with the models' relations, the landing's hand and dbt's: those of tests/dbt."""

from tests.dbt.conftest import make_warehouse, warehouse

__all__ = ["make_warehouse", "warehouse"]
