"""Measurements and long trials of the product, never run by the tests."""
