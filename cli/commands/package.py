"""Write the archive that Spark's executors on other machines run."""

from __future__ import annotations

from pathlib import Path

import click

from landfall.errors import UserError


@click.command(name="package")
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False))
def command(archive: Path) -> None:
    """Write the archive that Spark's executors on other machines run: our code and the packages that it imports.

    ARCHIVE ends in .tar.gz. Executors need it where no installation of this release stands at the same path; how they
    get it is in docs/how-to/spark-cluster.md.
    """
    # Imported here for start-up time.
    from landing_stream.package import write_package

    if not archive.name.endswith(".tar.gz"):
        raise UserError(f"{archive}: Spark knows an archive by its name, so let it end in .tar.gz.")
    try:
        size = write_package(archive)
    except OSError as error:
        raise UserError(f"{archive} cannot be written: {error.strerror}.") from error
    click.echo(f"{archive}: {size / 1e6:,.0f} MB, for Python 3.11 and this machine's kind of processor")
