"""Sequences of pictures, in a folder or a zip archive, as `Clip`: CDnet, SBI, MOTChallenge, or just pictures.

Pictures are decoded one by one as they are asked for. Limits: pictures of one clip have one size; OpenCV
refuses pictures above 2**30 pixels.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.clip import Clip, DatasetError, Frame, Truth
from gctr.datasets.ground_truth import parse_truth
from gctr.datasets.trees import Tree

PICTURES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
DEFAULT_FPS = 25.0


def open_tree(tree: Tree, fps: float | None = None) -> Clip:
    """Open a folder in the CDnet, SBI or MOT layout, or of pictures."""
    names = tree.names()
    tops = {name.partition("/")[0] for name in names}
    if "groundtruth" in tops:
        return _open_cdnet(tree, fps)
    if "seqinfo.ini" in tops or "img1" in tops:
        return _open_mot(tree, fps)
    pictures = _in_order([name for name in names if "/" not in name])
    if not pictures:
        raise DatasetError(
            f"{tree} is in no known layout: neither CDnet (input/, groundtruth/), nor MOT (img1/, seqinfo.ini), "
            "nor a folder of pictures"
        )
    return _picture_clip(tree, pictures, fps, Truth())


def _open_mot(tree: Tree, fps: float | None) -> Clip:
    """Open `SEQ/{img1, gt/gt.txt, seqinfo.ini}`; a sequence of the test half has no `gt/`."""
    folder, rate = _sequence_info(tree)
    pictures = _in_order(tree.names([f"{folder}/*"]))
    has_truth = bool(tree.names(["gt/gt.txt"]))
    truth = parse_truth(f"{tree}/gt/gt.txt", tree.read("gt/gt.txt")) if has_truth else Truth()
    return _picture_clip(tree, pictures, rate if fps is None else fps, truth)


def _sequence_info(tree: Tree) -> tuple[str, float]:
    """Return the folder of the pictures and the frames a second; `seqinfo.ini` may be missing."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if tree.names(["seqinfo.ini"]):
            parser.read_string(tree.read("seqinfo.ini").decode())
        return (
            parser.get("Sequence", "imDir", fallback="img1"),
            parser.getfloat("Sequence", "frameRate", fallback=DEFAULT_FPS),
        )
    except (configparser.Error, ValueError) as error:
        raise DatasetError(f"{tree}/seqinfo.ini is damaged: {error}") from error


def _open_cdnet(tree: Tree, fps: float | None) -> Clip:
    """Open `{input, groundtruth, ROI.bmp, temporalROI.txt}`: CDnet counts from 1, SBI from 0."""
    pictures = _in_order(tree.names(["input/*"]))
    clip = _picture_clip(tree, pictures, fps, Truth())
    masks = {_frame_number(name): name for name in tree.names(["groundtruth/*"]) if _is_picture(name)}
    labels = _Masks(tree, tuple(masks.get(_frame_number(name)) for name in pictures))
    roi = _read_roi(tree, clip.resolution_wh)
    evaluated = _read_temporal_roi(tree, _frame_number(pictures[0]), len(pictures))
    return replace(clip, truth=Truth(mask=labels, roi=roi, evaluated=evaluated))


@dataclass(frozen=True)
class _Masks:
    """CDnet's label picture of each frame; None for a frame that has none."""

    tree: Tree
    names: tuple[str | None, ...]

    def __call__(self, k: int) -> NDArray[np.uint8]:
        if not 0 <= k < len(self.names):
            raise IndexError(f"there is no frame {k}; the clip has {len(self.names)}")
        name = self.names[k]
        if name is None:
            raise DatasetError(f"{self.tree} holds no label picture of frame {k}")
        return _grey(_decode(self.tree, name, cv2.IMREAD_UNCHANGED))


def _read_roi(tree: Tree, resolution_wh: tuple[int, int]) -> NDArray[np.bool_] | None:
    if not tree.names(["ROI.bmp"]):
        return None
    roi = _grey(_decode(tree, "ROI.bmp", cv2.IMREAD_UNCHANGED)) > 0
    if roi.shape != resolution_wh[::-1]:
        raise DatasetError(f"{tree}/ROI.bmp is {roi.shape[::-1]}, the pictures are {resolution_wh}")
    return roi


def _read_temporal_roi(tree: Tree, first_number: int, n_frames: int) -> range | None:
    """Return the frames to evaluate; the file counts as the pictures' names do, its end is inclusive."""
    if not tree.names(["temporalROI.txt"]):
        return None
    words = tree.read("temporalROI.txt").split()
    if len(words) < 2 or not all(word.isdigit() and len(word) < 10 for word in words[:2]):
        raise DatasetError(f"{tree}/temporalROI.txt is damaged: it should hold two frame numbers")
    first, last = (int(word) - first_number for word in words[:2])
    return range(max(first, 0), min(last + 1, n_frames))


def _picture_clip(tree: Tree, names: Sequence[str], fps: float | None, truth: Truth) -> Clip:
    """Make a clip of pictures, decoded one by one as they are asked for."""
    if not names:
        raise DatasetError(f"{tree} holds no pictures where its layout has them")
    fps = DEFAULT_FPS if fps is None else fps
    if not 0 < fps < float("inf"):
        raise DatasetError(f"{tree}: frames a second must be above 0, not {fps}")
    height, width, _ = _decode(tree, names[0], cv2.IMREAD_COLOR).shape
    return Clip(
        name=tree.name,
        fps=fps,
        resolution_wh=(width, height),
        n_frames=len(names),
        open_timed=_Pictures(tree, tuple(names), fps, (height, width, 3)),
        truth=truth,
    )


@dataclass(frozen=True)
class _Pictures:
    """Opens a sequence of pictures anew at every call."""

    tree: Tree
    names: tuple[str, ...]
    fps: float
    shape: tuple[int, int, int]

    def __call__(self) -> Iterator[tuple[float, Frame]]:
        for k, name in enumerate(self.names):
            picture = _decode(self.tree, name, cv2.IMREAD_COLOR)
            if picture.shape != self.shape:
                raise DatasetError(f"{self.tree}/{name} is {picture.shape}, the first picture {self.shape}")
            yield k / self.fps, picture


def decode_picture(data: bytes, name: str, flags: int) -> NDArray[np.uint8]:
    """Decode a picture file; `flags` are `cv2.imdecode`'s. DatasetError if it is none, or too large."""
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error as error:
        raise DatasetError(f"{name} cannot be decoded: {error.err}; get the data again") from error
    if picture is None:
        raise DatasetError(f"{name} is not a picture, or damaged; get the data again")
    return cast(Frame, picture)


def _decode(tree: Tree, name: str, flags: int) -> NDArray[np.uint8]:
    return decode_picture(tree.read(name), f"{tree}/{name}", flags)


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # Label pictures repeat one value in every channel; a conversion to luma might round it.
    return picture if picture.ndim == 2 else np.ascontiguousarray(picture[:, :, 0])


def _is_picture(name: str) -> bool:
    return name.lower().endswith(PICTURES)


def _in_order(names: Sequence[str]) -> list[str]:
    """Sort by the numbers in the names, so that 10.png comes after 9.png."""
    pictures = (name for name in names if _is_picture(name))
    return sorted(
        pictures, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"([0-9]+)", name)]
    )


def _frame_number(name: str) -> int:
    digits = re.findall(r"[0-9]+", name.rpartition("/")[2])
    if not digits:
        raise DatasetError(f"{name} has no frame number in its name")
    return int(digits[-1])
