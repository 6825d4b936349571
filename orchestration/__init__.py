"""Dagster: what there is, from topic to mart, what runs when, and what was seen of it. Entry point: definitions.py."""
