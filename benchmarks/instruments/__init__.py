"""What the measurements are made with: servers of their own, CPU and memory from /proc, tables."""
