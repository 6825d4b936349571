"""Java, and the jars that run on it: found or fetched by set-up, each as pinned."""
