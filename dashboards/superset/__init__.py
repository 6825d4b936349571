"""Apache Superset over the marts: its environment, its state, and what it shows: `write_bundle` (bundle.py)."""
