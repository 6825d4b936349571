"""The `landfall-bench` command: imports only the subcommand that is called."""

import importlib

import click

COMMANDS = (
    "all",
    "drain",
    "latency",
    "idle",
    "restart",
    "memory",
    "refresh",
    "costs",
    "crowds",
    "freshness",
    "sustained",
    "disk",
    "ledger",
    "recovery",
    "kills",
    "faults",
    "convergence",
)
"""Modules of this package that export a click command named `command`, in the order of `--help`."""


class LazyCommands(click.Group):
    """Imports a subcommand when it is asked for: Spark and Kafka's clients cost seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"benchmarks.{cmd_name}").command
        return command


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def group() -> None:
    """Measure the product side by side with what else there is, and try it hard.

    Each subcommand starts servers of its own in a temporary state folder and removes them at the end.
    """


def main() -> None:
    """Entry point."""
    group(prog_name="landfall-bench")
