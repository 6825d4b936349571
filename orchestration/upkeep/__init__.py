"""Keeps small what Dagster and our processes pile up, and do not remove: runs, reports, ticks, logs."""
