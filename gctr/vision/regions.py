"""Faces looked for in regions of a picture alone: regions packed into one small canvas, one pass of the detector.

Shelf packing (Coffman et al., SIAM J. Comput. 9(4), 1980: next fit, tallest first) on the smallest of a few square
canvases, since a net keeps buffers for each size it has seen.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gctr.vision.faces import FaceDetector, detect_safely
from gctr.vision.roi import join_boxes

_SIDES = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048)  # of canvases
_GAP = 16  # grey pixels between regions, so that no face is seen across two


def detect_in(
    detector: FaceDetector, image: NDArray[np.uint8], regions: ArrayLike, *, margin: int = 16
) -> NDArray[np.float32]:
    """Find faces in regions of an image alone, in one pass of the detector.

    Regions are widened, joined where they overlap, and packed on a square grey canvas; where that would not be
    smaller than the image, the image itself is searched.

    Parameters
    ----------
    detector : FaceDetector
    image : (H, W, 3) uint8 array
        BGR.
    regions : (N, 4) int array-like
        x0, y0, x1, y1 in pixels.
    margin : int
        Pixels added on every side of a region: detectors need to see what surrounds a face.

    Returns
    -------
    (M, 5) float32 array
        Boxes in the image's pixels, and scores.

    Raises
    ------
    DetectorError
        See `detect_safely`.
    """
    height, width = image.shape[:2]
    boxes = np.asarray(regions, dtype=np.int32).reshape(-1, 4)
    if len(boxes) == 0:
        return np.empty((0, 5), np.float32)
    grown = (boxes + [-margin, -margin, margin, margin]).clip(0, [width, height] * 2).astype(np.int32)
    crops = join_boxes(grown)
    packed = _pack(crops, height * width)
    if packed is None:
        return detect_safely(detector, image)
    side, places = packed
    canvas = np.full((side, side, 3), 128, np.uint8)
    for (x0, y0, x1, y1), (x, y) in zip(crops.tolist(), places, strict=True):
        canvas[y : y + y1 - y0, x : x + x1 - x0] = image[y0:y1, x0:x1]
    return _unpack(detect_safely(detector, canvas), crops, places)


def _pack(crops: NDArray[np.int32], limit: int) -> tuple[int, list[tuple[int, int]]] | None:
    """Place crops on shelves of the smallest square canvas of less than `limit` pixels; None if there is none."""
    for side in _SIDES:
        if side * side >= limit:
            return None
        places = _shelves(crops, side)
        if places is not None:
            return side, places
    return None


def _shelves(crops: NDArray[np.int32], side: int) -> list[tuple[int, int]] | None:
    places = [(0, 0)] * len(crops)
    sizes = crops[:, 2:] - crops[:, :2]
    x = y = shelf = 0
    for i in np.argsort(-sizes[:, 1], kind="stable"):
        width, height = sizes[i].tolist()
        if x + width > side:
            x, y, shelf = 0, y + shelf + _GAP, 0
        if width > side or y + height > side:
            return None
        places[i] = (x, y)
        x, shelf = x + width + _GAP, max(shelf, height)
    return places


def _unpack(
    found: NDArray[np.float32], crops: NDArray[np.int32], places: list[tuple[int, int]]
) -> NDArray[np.float32]:
    """Move boxes from the canvas to the image, cut to the crop that holds their centre; gaps hold no face."""
    kept = []
    for (x0, y0, x1, y1), (x, y) in zip(crops.tolist(), places, strict=True):
        moved = found + np.array([x0 - x, y0 - y, x0 - x, y0 - y, 0], np.float32)
        cx, cy = moved[:, [0, 2]].mean(axis=1), moved[:, [1, 3]].mean(axis=1)
        inside = moved[(cx >= x0) & (cx < x1) & (cy >= y0) & (cy < y1)]
        inside[:, :4] = inside[:, :4].clip([x0, y0, x0, y0], [x1, y1, x1, y1])
        kept.append(inside)
    return np.concatenate(kept)
