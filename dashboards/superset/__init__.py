"""Superset's dashboards: a description each, and the one archive that brings them into any Superset."""
