"""Registered sets: fetch what is missing, verify, and hand each to its adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2

from gctr.datasets.adapters import open_video
from gctr.datasets.clip import Clip, DatasetError, Frame, Truth
from gctr.datasets.download import download
from gctr.datasets.ground_truth import read_truth
from gctr.datasets.registry import DataFile, Entry
from gctr.datasets.sequences import decode_picture, open_tree
from gctr.datasets.store import Place, Report, find, report, verify


def fetch_entry(entry: Entry, *, progress: bool = True) -> Report:
    """Download the needed files of `entry` that are not here; verify all of them."""
    for file in entry.files:
        if not file.optional:
            obtain(file, entry.layout, progress=progress)
    return report(entry)


def obtain(file: DataFile, layout: str, *, progress: bool = True) -> Place:
    """Return the verified place of `file`, downloading it if it is nowhere here."""
    place = find(file, layout) or download(file, progress=progress)
    verify(file, place)
    return place


def load_set(entry: Entry, options: Mapping[str, Any]) -> Clip:
    """Open a registered set; `options` are the synthetic scene's parameters."""
    if entry.layout == "synthetic":
        from gctr.datasets.synthetic import synthetic_clip

        # Whoever changes parameters is exploring: to cache every scene of theirs would fill the disk.
        return synthetic_clip(**{"cache": not set(options) - {"scene"}, **options})
    if options:
        raise TypeError(f"the registered set {entry.name!r} takes no options, not {sorted(options)}")
    if entry.layout not in _OPENERS:
        raise DatasetError(f"{entry.name!r} holds faces, not footage: use load_faces({entry.name!r})")
    places = [obtain(file, entry.layout) for file in entry.files if not file.optional]
    clip = _OPENERS[entry.layout](entry, places)
    return replace(clip, name=entry.name, sha256=entry.files[0].checksum)


def _open_video(entry: Entry, places: list[Place]) -> Clip:
    return open_video(places[0].path, Truth(), checksum=False)


def _open_video_with_boxes(entry: Entry, places: list[Place]) -> Clip:
    return open_video(places[0].path, read_truth(places[1].path), checksum=False)


def _open_pictures(entry: Entry, places: list[Place]) -> Clip:
    return open_tree(places[0].tree(entry.files[0]), entry.fps)


_OPENERS = {"video": _open_video, "video+mot": _open_video_with_boxes, "pictures": _open_pictures}


def load_face_set(entry: Entry) -> list[tuple[str, Frame]]:
    """Return (identity, picture) in the order of the names; the identity is the folder, or the name up to `_`."""
    if entry.layout != "faces":
        raise DatasetError(f"{entry.name!r} holds no faces; face sets are orl-faces and london-faces")
    (file,) = entry.files
    tree = obtain(file, entry.layout).tree(file)
    return [(_identity(name), _picture(tree.read(name), name)) for name in tree.names(file.members)]


def _identity(name: str) -> str:
    folder, _, picture = name.rpartition("/")
    return folder or picture.partition("_")[0]


def _picture(data: bytes, name: str) -> Frame:
    return decode_picture(data, name, cv2.IMREAD_UNCHANGED)
