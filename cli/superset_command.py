"""`landfall dashboards`: everything that has to be there, then Superset until it is told to stop."""

from pathlib import Path
from threading import Event

import click

from cli.children import Child, Children
from cli.superset_server import HOST, SERVICE, SupersetServer, choose_port, start_superset
from dashboards.superset.bundle import write_bundle
from dashboards.superset.environment import set_up
from dashboards.superset.state import ADMIN, PASSWORD, folder_of, reader_dsn
from database.connect import connect
from landfall.errors import UserError
from landfall.processes import exit_in_words, last_lines
from landfall.services import ServiceRecord, kept_service
from landfall.settings import Settings

LOOK_SECONDS = 0.2


def write(bundle: Path) -> None:
    """Write the dashboards into a file. Raises UserError when it cannot be written."""
    try:
        write_bundle(bundle)
    except OSError as error:
        raise UserError(f"{bundle} cannot be written: {error.strerror}.") from error
    click.echo(f"Written: {bundle}")


def serve(settings: Settings, port: int | None, stop: Event) -> None:
    """Set up, start, say where it is, and wait until `stop` is set or somebody else stops it."""
    reader_dsn(settings)
    with connect(settings.as_reader, application_name="landfall dashboards"):
        pass  # a server that is away is said before minutes of set-up
    if (running := kept_service(settings.home, SERVICE)) is not None:
        raise UserError(f"The dashboards of {settings.home} are served already, at http://{HOST}:{running.port}.")
    set_up(say)
    children = Children(folder_of(settings.home))
    record = ServiceRecord.of_this_process(SERVICE)
    record.comes_back = False
    try:
        server = start_superset(settings, children, choose_port(settings, port))
        record.started(settings.home, server.child.process.pid, server.child.port)
        if server.wait(stop, lambda line: say(f"  {line}")):
            greet(server, settings.home)
            wait(server.child, stop)
    finally:
        children.stop()
        record.forget(settings.home)
    say("Stopped.")


def greet(server: SupersetServer, home: Path) -> None:
    """Where it is, who to be, and where the password stands."""
    say("")
    say(f"Dashboards  {server.address}")
    say(f"User        {ADMIN}")
    say(f"Password    in {folder_of(home) / PASSWORD}")
    say("Ctrl-C stops it.")


def wait(child: Child, stop: Event) -> None:
    """Until `stop` is set, or `landfall down` has ended the child. Raises UserError when it ended otherwise."""
    while not stop.wait(LOOK_SECONDS):
        code = child.process.poll()
        if code == 0:
            return
        if code is not None:
            raise UserError(f"Superset ended {exit_in_words(code)}; {child.log} says: {last_lines(child.log, 3)}")


def say(line: str) -> None:
    """A line on stdout, at once."""
    print(line, flush=True)
