"""Mistakes a user can mend."""

import click


class UserError(click.ClickException):
    """One clear sentence: what is wrong, where (file, field, offset or setting), and what to do.

    Raised for whatever a user can mend; the command prints it on stderr and ends with exit code 1,
    never with a traceback.
    """

    def show(self, file: object = None) -> None:
        """Print the sentence on stderr."""
        click.echo(f"landfall: {self.format_message()}", err=True)
