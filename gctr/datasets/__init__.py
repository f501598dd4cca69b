"""Footage: the synthetic scene, registered public sets with checksums, and adapters for a user's own files.

>>> from gctr.datasets import load
>>> clip = load("synthetic")                        # doctest: +SKIP
>>> clip = load("pets2009-s2l1").head(100)          # doctest: +SKIP
>>> clip = load("rtsp://user:password@camera/1")    # doctest: +SKIP
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gctr.datasets.clip import BOX_COLUMNS, FACE_COLUMNS, Clip, DatasetError, Frame, Truth, box_table
from gctr.datasets.registry import Entry, entry, load_registry
from gctr.datasets.store import Report

__all__ = [
    "BOX_COLUMNS",
    "FACE_COLUMNS",
    "Clip",
    "DatasetError",
    "Entry",
    "Frame",
    "Report",
    "Truth",
    "box_table",
    "check",
    "fetch",
    "list_datasets",
    "list_models",
    "load",
    "load_faces",
    "model_path",
]


def load(source: str | os.PathLike[str], **options: Any) -> Clip:
    """Open footage.

    Parameters
    ----------
    source : str or path
        `"synthetic"`; the name of a registered set, which is fetched if it is not here; a file, a folder, a zip
        archive, a network address (`rtsp://…`) or a camera's device. A path that is called like a set is
        written `./name`.
    **options
        For `"synthetic"`, the scene's parameters (`gctr.datasets.synthetic`). For a path or address, those
        of `gctr.datasets.adapters.open_source`. A registered set takes none.

    Returns
    -------
    Clip

    Raises
    ------
    DatasetError
        If there is no such set, file or layout, or its bytes are not those that the registry expects.
    VideoError
        If a file or address is no video that can be read.
    """
    from gctr.datasets import adapters, loading

    name = os.fspath(source)
    if name in load_registry().datasets:
        return loading.load_set(load_registry().datasets[name], options)
    if "://" not in name and not Path(name).exists() and "format" not in options:
        if name in load_registry().models:
            raise DatasetError(f"{name!r} is a model, not footage: use model_path({name!r})")
        if Path(name).name != name or Path(name).suffix:
            raise DatasetError(f"there is no file or folder {name!r}")
        entry(name)  # raises, and names what there is
    return adapters.open_source(source, **options)


def load_faces(name: str) -> list[tuple[str, Frame]]:
    """Return (identity, picture) of every face of `"orl-faces"` or `"london-faces"`.

    A picture is uint8, (H, W) grey in ORL, (H, W, 3) BGR in the London set. The order is that of the files' names.

    Raises
    ------
    DatasetError
        If there is no such set, it holds no faces, or its bytes cannot be had or are not those that the registry
        expects.
    """
    from gctr.datasets import loading

    return loading.load_face_set(entry(name))


def fetch(name: str, *, progress: bool = True) -> Report:
    """Get a data set or model that is not here yet, verify it, and report where it lies.

    Raises
    ------
    DatasetError
        If it cannot be had, or what is here is wrong; nothing is replaced and no other source is tried.
    """
    from gctr.datasets import loading

    return loading.fetch_entry(entry(name), progress=progress)


def check(name: str) -> Report:
    """Verify what is here of a data set or model, downloading nothing; `Report.ok` tells.

    Raises
    ------
    DatasetError
        If there is no such set or model, or `GCTR_DATA` names what is no folder.
    """
    from gctr.datasets.store import report

    return report(entry(name))


def list_datasets() -> list[Entry]:
    """Return the registered data sets."""
    return list(load_registry().datasets.values())


def list_models() -> list[Entry]:
    """Return the registered models."""
    return list(load_registry().models.values())


def model_path(name: str) -> Path:
    """Return the verified file of a registered model (`"yunet"`, …), fetching it if it is not here.

    Raises
    ------
    DatasetError
        As `fetch`.
    """
    return fetch(name).paths[0]
