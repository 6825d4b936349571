"""The Postgres side: connections, roles, numbered migrations, reference data."""
