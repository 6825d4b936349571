"""One module a subcommand; each exports a click command named `command`.

What a command needs beside the foundation it imports when it runs: Spark, dbt and Dagster take seconds, and `--help`, a
wrong option and the other commands are to be quick.
"""
