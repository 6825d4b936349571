"""The `landfall` command: settings, and one module a subcommand."""
