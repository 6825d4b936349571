"""Where set-up puts what it made, and where the product's own files are."""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The clone (an editable installation) or, in an image, the folder that the packages were copied to."""


def build_folder() -> Path:
    """What `make setup` made: jars, a JDK's wrapper. LANDFALL_BUILD moves it, as the container image does."""
    return Path(os.environ.get("LANDFALL_BUILD") or PROJECT / "build")


def venv_bin() -> Path:
    """The folder of this Python's console scripts (dbt, dagster, spark-submit)."""
    return Path(sys.executable).parent
