"""Where the notebooks and the dataset registry stand: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent


def share(name: str) -> Path:
    """Return the folder `name` ("datasets" or "notebooks") that belongs to this copy of gctr."""
    bundled = PACKAGE / "_share" / name
    return bundled if bundled.is_dir() else ROOT / name
