"""One module a subcommand; each exports a click command named `command`."""
