"""Whether the models come to the same tables however events arrive: `landfall-bench convergence`."""
