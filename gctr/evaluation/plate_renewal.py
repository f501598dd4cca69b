"""A camera that is nudged: how long its ROI floods, and what a newly registered background does about it.

Limits: the picture is shifted as a whole, its border repeated; a real nudge also turns it.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.parties.observer import Observer

Image = NDArray[np.uint8]


def nudge(frames: Iterable[Image], shift: tuple[int, int], at: int) -> Iterator[Image]:
    """Yield `frames`, (H, W, 3) uint8 BGR, moved by `shift` = (right, down) pixels from frame `at` on."""
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    for k, frame in enumerate(frames):
        size = frame.shape[1], frame.shape[0]
        moved = cv2.warpAffine(frame, move, size, borderMode=cv2.BORDER_REPLICATE) if k >= at else frame
        yield np.asarray(moved, np.uint8)


class PlateHistory(NamedTuple):
    """What observers went through, a column each and a row a frame.

    `shares`: share of the cells that are ROI. `versions`: the version of the plate that frames are compared with.
    """

    shares: pd.DataFrame
    versions: pd.DataFrame


def follow_plates(
    frames: Iterable[Image], plate: Image, observers: Mapping[str, Observer], *, segment: int = 10
) -> PlateHistory:
    """Run observers over frames, `segment` at a time, as a camera does: a plate that is due is adopted between two."""
    shares: dict[str, list[float]] = {name: [] for name in observers}
    versions: dict[str, list[int]] = {name: [] for name in observers}
    for observer in observers.values():
        observer.adopt(plate)
    stream = iter(frames)
    while images := list(islice(stream, segment)):
        for name, observer in observers.items():
            renewed = observer.renewed()
            if renewed is not None:
                observer.adopt(renewed)
            before = versions[name][-1] if versions[name] else 1
            versions[name] += [before + (renewed is not None)] * len(images)
            shares[name] += [float(seen.cells.mean()) for seen in observer.follow(images)]
    return PlateHistory(*(pd.DataFrame(part).rename_axis("frame") for part in (shares, versions)))
