"""Storage from rates: gigabytes a day against occupancy, the break-even, and what keeping both forms costs.

A day is not a clip: a camera sees an empty scene most of the time. `daily` weighs the rate of busy frames
(measured) and of empty ones (measured: the encoder's floor, or nothing at all where an empty segment is not
sent) by the share of busy time, and adds the plate as often as it is registered anew.

Limits: rates are those of one scene; occupancy enters linearly, which holds while objects do not hide each
other.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gctr.evaluation.material import Material
from gctr.vision.encoders import FULL, I420, encode
from gctr.vision.roi import cells_to_mask
from gctr.vision.roivideo import RoiPicture, fill_plate, inverse, relight
from gctr.vision.running import CELL

SECONDS = 86_400


def measure_floor(material: Material, quality: int, *, form: str = "live H.264") -> float:
    """Return the bytes of video a frame that whole frames cost while nothing moves.

    The clip is coded with the plate, in each frame's light, in place of the cells that the camera sends. What is
    left of the scene keeps its noise and its foliage; the plate has none, which favours the whole frame.
    """
    empty = [_empty(*pair, material.plate) for pair in zip(material.source, material.roi, strict=True)]
    return sum(map(len, encode(empty, FULL[form], quality))) / len(empty)


def _empty(picture: I420, roi: RoiPicture, plate: I420) -> I420:
    height, width = roi.mask.shape
    return fill_plate(
        relight(plate, inverse(roi.exposure)), picture, cells_to_mask(roi.cells, CELL, (height, width))
    )


def daily(
    busy: ArrayLike,
    rate_busy: float,
    rate_empty: float,
    fps: float,
    *,
    plate: float = 0.0,
    plates: float = 24,
) -> NDArray[np.float64]:
    """Return gigabytes (10^9 bytes) a day.

    Parameters
    ----------
    busy : array_like
        Share of frames with objects, 0 to 1.
    rate_busy, rate_empty : float
        Bytes a frame.
    fps : float
        Frames a second.
    plate : float
        Bytes of a background.
    plates : float
        How often a day it is registered.
    """
    share = np.asarray(busy, dtype=float)
    if ((share < 0) | (share > 1)).any():
        raise ValueError("busy is a share of frames, from 0 to 1")
    rate = share * rate_busy + (1 - share) * rate_empty
    return (rate * fps * SECONDS + plate * plates) / 1e9


def occupancy_rates(table: pd.DataFrame, bins: Sequence[float]) -> pd.DataFrame:
    """Average bytes a frame of both forms over frames of similar occupancy.

    Parameters
    ----------
    table : DataFrame
        One row a frame: `occupancy` (share of the frame that is object), `roi` and `full` (bytes).
    bins : sequence of float
        Edges of occupancy.

    Returns
    -------
    DataFrame
        `occupancy` (mean), `frames`, `roi`, `full`, `ratio`; empty bins are left out.
    """
    groups = table.groupby(pd.cut(table["occupancy"], list(bins), include_lowest=True), observed=True)
    means = groups[["occupancy", "roi", "full"]].mean().assign(frames=groups.size())
    return means.assign(ratio=means["roi"] / means["full"]).reset_index(drop=True)


def break_even(occupancy: Sequence[float], ratio: Sequence[float]) -> float:
    """Return the occupancy at which the ratio of the forms crosses 1 for the first time; nan if it never
    does.
    """
    points = sorted(zip(occupancy, ratio, strict=True))
    for (x0, y0), (x1, y1) in pairwise(points):
        if (y0 - 1) * (y1 - 1) <= 0 and y0 != y1:
            return x0 + (1 - y0) * (x1 - x0) / (y1 - y0)
    return float("nan")
