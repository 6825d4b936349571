"""Landfall seen from outside: metrics for Prometheus, and the rules that tell when something is wrong."""
