"""Masking of faces, and its exact inverse.

`hide_faces` and `reveal_faces` are inverses on the pixels: what `hide_faces` takes out is what `reveal_faces` puts
back, byte for byte. The mask is painted before any lossy coding, so that no pixel of a face is coded outside the
patch that is sealed.

Limits: the mask covers the boxes it is given; a face that nobody found stays visible.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

SOLID_BGR = (96, 96, 96)  # one colour for every face: a mean colour would tell skin and hair


class Patch(NamedTuple):
    """The original pixels of one masked box: `xyxy` in pixels, `pixels` (h, w, 3) uint8 BGR."""

    xyxy: tuple[int, int, int, int]
    pixels: NDArray[np.uint8]


def grow_boxes(boxes: ArrayLike, margin: float, resolution_wh: tuple[int, int]) -> NDArray[np.int32]:
    """Widen boxes on every side and round them outwards to whole pixels inside the image.

    Parameters
    ----------
    boxes : (N, 4) float array-like
        x0, y0, x1, y1 in pixels.
    margin : float
        Share of a box's width and height that is added on each side.
    resolution_wh : tuple of int
        Width and height of the image in pixels.

    Returns
    -------
    (M, 4) int32 array
        The widened boxes; those that lie outside the image are left out.
    """
    xyxy = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    extra = np.tile((xyxy[:, 2:] - xyxy[:, :2]) * margin, 2) * [-1, -1, 1, 1]
    grown = xyxy + extra
    limits = np.array(resolution_wh * 2)
    whole = (
        np.concatenate([np.floor(grown[:, :2]), np.ceil(grown[:, 2:])], axis=1)
        .clip(0, limits)
        .astype(np.int32)
    )
    return whole[(whole[:, 2] > whole[:, 0]) & (whole[:, 3] > whole[:, 1])]


def hide_faces(image: NDArray[np.uint8], boxes: ArrayLike) -> tuple[NDArray[np.uint8], list[Patch]]:
    """Paint boxes over with one solid colour.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        BGR; left as it is.
    boxes : (N, 4) int array-like
        x0, y0, x1, y1 inside the image; they may overlap.

    Returns
    -------
    masked : (H, W, 3) uint8 array
        BGR, with every box painted `SOLID_BGR`.
    patches : list of Patch
        What was under each box, in the order of `boxes`.

    Raises
    ------
    ValueError
        If a box is empty or leaves the image.
    """
    masked = image.copy()
    patches = []
    for x0, y0, x1, y1 in np.asarray(boxes, dtype=int).reshape(-1, 4).tolist():
        _check_box(x0, y0, x1, y1, image.shape)
        patches.append(Patch((x0, y0, x1, y1), image[y0:y1, x0:x1].copy()))
        masked[y0:y1, x0:x1] = SOLID_BGR
    return masked, patches


def reveal_faces(masked: NDArray[np.uint8], patches: list[Patch]) -> NDArray[np.uint8]:
    """Put the original pixels back: the inverse of `hide_faces`.

    Parameters
    ----------
    masked : (H, W, 3) uint8 array
        BGR; left as it is.
    patches : list of Patch
        As `hide_faces` returned them.

    Returns
    -------
    (H, W, 3) uint8 array
        BGR; equal to the image that was masked in every pixel of every patch.

    Raises
    ------
    ValueError
        If a patch leaves the image or its pixels do not fit its box.
    """
    image = masked.copy()
    for (x0, y0, x1, y1), pixels in patches:
        _check_box(x0, y0, x1, y1, image.shape)
        if pixels.shape != (y1 - y0, x1 - x0, 3):
            raise ValueError(f"patch of {pixels.shape} pixels does not fit its box {(x0, y0, x1, y1)}")
        image[y0:y1, x0:x1] = pixels
    return image


def _check_box(x0: int, y0: int, x1: int, y1: int, shape: tuple[int, ...]) -> None:
    if not (0 <= x0 < x1 <= shape[1] and 0 <= y0 < y1 <= shape[0]):
        raise ValueError(
            f"box {(x0, y0, x1, y1)} is empty or leaves the image of {shape[1]}x{shape[0]} pixels"
        )
