"""Everything together, live: `landfall demo`."""
