"""The models' side of Postgres: dbt and its sessions, refreshing, reference data, retention."""
