"""What is wrong with the system, in words, and who is told."""
