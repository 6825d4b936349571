"""The `landfall` command: what starts and stops processes, and what shows how they fare."""
