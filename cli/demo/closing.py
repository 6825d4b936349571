"""What a demo leaves to look at: charts, and what the checks say."""

from pathlib import Path

from cli.status_report import collect
from cli.status_screen import headline
from landfall.settings import Settings
from reports.write import write_report


def closing_lines(settings: Settings, folder: Path) -> list[str]:
    """Draws the charts into `folder`; says where they are, and how the checks of `landfall status` stand."""
    pages = [path for path in write_report(settings, folder) if path.suffix == ".html"]
    return [f"Charts: {pages[0]}", f"{headline(collect(settings))} (landfall status)"]
