"""What runs in Superset's environment and not in ours: of this project it imports nothing but these files."""
