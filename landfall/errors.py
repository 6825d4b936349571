"""Mistakes a user can mend."""

import difflib
import logging
from collections.abc import Collection

import click

from landfall.logs import logs_are_json
from landfall.plain_text import printable

EXIT_FENCED = 3
"""Of a landing or an ingestion that another one has taken over from: it is not to come back by itself."""
EXIT_GAVE_UP = 75
"""Of the enricher beside a landing: in a minute of failures it could not finish what it was asked to."""


class UserError(click.ClickException):
    """One clear sentence: what is wrong, where (file, field, offset or setting), and what to do.

    Raised for whatever a user can mend; the command prints it on stderr and ends with exit code 1,
    never with a traceback.
    """

    def show(self, file: object = None) -> None:
        """Print the sentence on stderr; as a line of the log where that is JSON."""
        if logs_are_json():
            logging.getLogger("landfall").error(self.format_message())
        else:
            # It may quote a name or a value of somebody else.
            click.echo(f"landfall: {printable(' '.join(self.format_message().split()))}", err=True)


def known(name: str, names: Collection[str], what: str) -> str:
    """`name`, which must be one of `names`. Raises UserError with those that look like it, or with all of a few."""
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or sorted(names)[:10]
    raise UserError(f"There is no {what} {name!r}: did you mean {' or '.join(near)}?")
