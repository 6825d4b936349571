"""Say what is wrong with this machine or deployment, and what to do; also where nothing runs yet."""

import json
import os
import shutil
import sys

import click


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every finding.")
@click.option("--all", "show_all", is_flag=True, help="Show every finding in full, also where all is well.")
def command(as_json: bool, show_all: bool) -> None:
    """Say what is wrong with this machine or deployment, and what to do.

    Looks at the machine, at what set-up made, at the state folder, and at the Kafka and Postgres that the settings
    name, whatever of them is there. It writes nothing, and shows no password. Checks are made beside each other, each
    with a bound of seconds: a host that does not answer holds up only what needs it.

    `landfall status` says whether events flow; this says whether they could.

    \b
    Exit code    0  nothing is broken; warnings are no reason for another one
                 1  something is broken: a finding of severity `error`

    docs/reference/checks.md lists what it looks at.
    """
    # Imported here for start-up time.
    from cli.doctor_screen import as_json_object, as_text
    from health.doctor import CHECKS
    from health.doctor.deployment import Deployment
    from health.doctor.examine import examine, worst_of

    deployment = Deployment.of()
    examined = examine(deployment, CHECKS.values())
    width = min(shutil.get_terminal_size((110, 0)).columns, 140)
    if as_json:
        click.echo(json.dumps(as_json_object(deployment, examined), indent=2))
    else:
        click.echo(as_text(deployment, examined, show_all, width))
    # Not by an exception: threads that still wait for a silent host would be waited for by what they have begun.
    sys.stdout.flush()
    os._exit(1 if worst_of(examined) == "error" else 0)
