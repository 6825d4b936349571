"""Postgres as such: connections, roles, locks, numbered migrations."""
