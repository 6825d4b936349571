"""Grafana's boards, built with its Foundation SDK. `python -m dashboards.grafana.build` writes them."""
