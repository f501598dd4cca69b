"""What the panels' pictures are put together from. Images are (H, W, 3) uint8 BGR, boxes xyxy in pixels."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.uint8]
VERMILLION, SKY = (0, 94, 213), (233, 180, 86)  # of gctr.experiments.COLOURS, in BGR
GAP = 8  # white pixels between pictures


def beside(images: Sequence[Image]) -> Image:
    """Put pictures into a row, each brought to the height of the first."""
    height = images[0].shape[0]
    row = [fit_height(image, height) for image in images]
    gap = np.full((height, GAP, 3), 255, np.uint8)
    return np.concatenate([part for image in row for part in (gap, image)][1:], axis=1)


def fit_height(image: Image, height: int) -> Image:
    """Scale a picture to `height`, its sides in proportion; pixels stay sharp when it grows."""
    return fit_size(image, (max(1, round(image.shape[1] * height / image.shape[0])), height))


def fit_size(image: Image, resolution_wh: tuple[int, int]) -> Image:
    """Scale a picture to a width and a height in pixels; pixels stay sharp when it grows."""
    if image.shape[1::-1] == resolution_wh:
        return image
    how = cv2.INTER_AREA if resolution_wh[1] < image.shape[0] else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, resolution_wh, interpolation=how), np.uint8)


def outline(image: Image, boxes: ArrayLike, colour: tuple[int, int, int] = VERMILLION) -> Image:
    """Return a copy with boxes, (N, 4) xyxy, drawn on it."""
    marked = image.copy()
    for x0, y0, x1, y1 in np.asarray(boxes, int).reshape(-1, 4).tolist():
        cv2.rectangle(marked, (x0, y0), (x1 - 1, y1 - 1), colour, 2)
    return marked


def fade(image: Image, keep: NDArray[np.bool_], by: float = 0.8) -> Image:
    """Return a copy that is washed out, towards white by the share `by`, where `keep` (H, W) is not set."""
    pale = cv2.addWeighted(image, 1 - by, np.full_like(image, 255), by, 0)
    return np.where(keep[..., None], image, np.asarray(pale, np.uint8))


def window(boxes: ArrayLike, resolution_wh: tuple[int, int], margin: float = 0.75) -> tuple[slice, slice]:
    """Return rows and columns around the largest of boxes, widened by `margin` of its sides; all if there is none."""
    width, height = resolution_wh
    xyxy = np.asarray(boxes, int).reshape(-1, 4)
    if len(xyxy) == 0:
        return slice(0, height), slice(0, width)
    x0, y0, x1, y1 = xyxy[(xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1).argmax()].tolist()
    dx, dy = int(margin * (x1 - x0)), int(margin * (y1 - y0))
    return slice(max(0, y0 - dy), min(height, y1 + dy)), slice(max(0, x0 - dx), min(width, x1 + dx))
