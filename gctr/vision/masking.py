"""Masks over faces, and the exact inverse.

`hide_faces` and `reveal_faces` are inverses on the pixels, whatever the kind of mask: what `hide_faces` takes out is
what `reveal_faces` puts back, byte for byte. The mask is painted before any lossy coding, so that no pixel of a face
is coded outside the patch that is sealed. What a mask looks like is `gctr.vision.painters`' business.

Limits: a mask covers the boxes it is given (`gctr.vision.covers` finds them); an ellipse leaves a box's corners
visible.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gctr.vision.painters import KINDS, PAINTERS, SOLID, SOLID_BGR, Kind, MaskInput, MaskStyle

__all__ = [
    "KINDS",
    "SOLID_BGR",
    "Box",
    "Kind",
    "MaskStyle",
    "Patch",
    "cut",
    "ellipse_mask",
    "grow_boxes",
    "hide_faces",
    "paint",
    "reveal_faces",
    "split_boxes",
]

Box = tuple[int, int, int, int]


class Patch(NamedTuple):
    """The original pixels of one masked box: `xyxy` in pixels, `pixels` (h, w, 3) uint8 BGR.

    `exact` patches travel without loss; the others as video, and come back as it has them (`gctr.vision.tiles`).
    """

    xyxy: Box
    pixels: NDArray[np.uint8]
    exact: bool = True


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


def hide_faces(
    image: NDArray[np.uint8],
    boxes: ArrayLike,
    style: MaskStyle = SOLID,
    background: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], list[Patch]]:
    """Paint boxes over, and keep what was under them.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        BGR; left as it is.
    boxes : (N, 4) int array-like
        x0, y0, x1, y1 inside the image; they may overlap.
    style : MaskStyle
        Solid boxes of `SOLID_BGR` by default.
    background : (H, W, 3) uint8 array, optional
        The empty scene, BGR; needed for silhouettes.

    Returns
    -------
    masked : (H, W, 3) uint8 array
        BGR.
    patches : list of Patch
        What was under each box, in the order of `boxes`.

    Raises
    ------
    ValueError
        If a box is empty or leaves the image, a background has another size, or a silhouette has none.
    """
    boxes = np.asarray(boxes, dtype=int).reshape(-1, 4)
    return paint(image, boxes, style, background), cut(image, boxes)


def paint(
    image: NDArray[np.uint8],
    boxes: ArrayLike,
    style: MaskStyle = SOLID,
    background: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return the image with boxes masked; parameters and errors as of `hide_faces`.

    Every box is masked from the original pixels, so that the order of boxes does not matter but where two overlap:
    there the later one is on top.
    """
    if background is not None and background.shape != image.shape:
        raise ValueError(f"a background of {background.shape} pixels does not fit the image's {image.shape}")
    masked = image.copy()
    for box in np.asarray(boxes, dtype=int).reshape(-1, 4).tolist():
        x0, y0, x1, y1 = _checked(box, image.shape)
        behind = None if background is None else background[y0:y1, x0:x1]
        cover = PAINTERS[style.kind](MaskInput(image[y0:y1, x0:x1], behind, (x0, y0)), style)
        if style.ellipse:
            inside = ellipse_mask(x1 - x0, y1 - y0)
            masked[y0:y1, x0:x1][inside] = cover[inside]
        else:
            masked[y0:y1, x0:x1] = cover
    return masked


def cut(image: NDArray[np.uint8], boxes: ArrayLike, *, exact: bool = True) -> list[Patch]:
    """Return copies of the pixels of boxes; parameters and errors as of `hide_faces`."""
    checked = [_checked(box, image.shape) for box in np.asarray(boxes, dtype=int).reshape(-1, 4).tolist()]
    return [Patch((x0, y0, x1, y1), image[y0:y1, x0:x1].copy(), exact) for x0, y0, x1, y1 in checked]


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
    for box, pixels, _ in patches:
        x0, y0, x1, y1 = _checked(box, image.shape)
        if pixels.shape != (y1 - y0, x1 - x0, 3):
            raise ValueError(f"patch of {pixels.shape} pixels does not fit its box {(x0, y0, x1, y1)}")
        image[y0:y1, x0:x1] = pixels
    return image


def split_boxes(boxes: ArrayLike) -> list[list[Box]]:
    """Split boxes into rectangles that do not overlap; of two that share pixels, the earlier one keeps them.

    One person's patch must not show another's face: each pixel belongs to one mask.

    Returns
    -------
    list of list of (x0, y0, x1, y1)
        The rectangles of each box, in the order of `boxes`; an empty list for a box that earlier ones cover.
    """
    taken: list[Box] = []
    parts = []
    for box in np.asarray(boxes, dtype=int).reshape(-1, 4).tolist():
        left: list[Box] = [tuple(box)]
        for other in taken:
            left = [piece for rest in left for piece in _subtract(rest, other)]
        taken += left
        parts.append(left)
    return parts


def ellipse_mask(width: int, height: int) -> NDArray[np.bool_]:
    """Return the (height, width) bool mask of the ellipse that fills a box."""
    y, x = np.ogrid[:height, :width]
    return ((2 * x + 1 - width) / width) ** 2 + ((2 * y + 1 - height) / height) ** 2 <= 1


def _subtract(box: Box, other: Box) -> list[Box]:
    x0, y0, x1, y1 = box
    u0, v0, u1, v1 = max(x0, other[0]), max(y0, other[1]), min(x1, other[2]), min(y1, other[3])
    if u0 >= u1 or v0 >= v1:
        return [box]
    around = [(x0, y0, x1, v0), (x0, v1, x1, y1), (x0, v0, u0, v1), (u1, v0, x1, v1)]
    return [(a, b, c, d) for a, b, c, d in around if a < c and b < d]


def _checked(box: ArrayLike, shape: tuple[int, ...]) -> Box:
    x0, y0, x1, y1 = np.asarray(box).tolist()
    if not (0 <= x0 < x1 <= shape[1] and 0 <= y0 < y1 <= shape[0]):
        raise ValueError(
            f"box {(x0, y0, x1, y1)} is empty or leaves the image of {shape[1]}x{shape[0]} pixels"
        )
    return x0, y0, x1, y1
