"""What a demo leaves to look at: charts, and what the checks say."""

from pathlib import Path

from landfall.settings import Settings


def closing_lines(settings: Settings, folder: Path) -> list[str]:
    """Draws the charts into `folder`; says where they are, and how the checks of `landfall status` stand."""
    from landfall.commands.status import collect
    from landfall.status_screen import headline
    from reports.write import write_report

    pages = [path for path in write_report(settings, folder) if path.suffix == ".html"]
    return [f"Charts: {pages[0]}", f"{headline(collect(settings))} (landfall status)"]
