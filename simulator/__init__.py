"""Realistic events for the three streams, seeded, and replay of files into their topics."""
