"""The region of interest: foreground pixels to boxes that lie on the encoder's coding blocks.

A video encoder spends its bits block by block, so a box that cuts a block costs the whole block: boxes are
aligned outwards. Labelling follows Suzuki-style connected components (OpenCV), on the grid of blocks, not of
pixels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray


def find_boxes(
    foreground: NDArray[np.bool_],
    *,
    block: int = 16,
    min_area: int = 64,
    min_pixels: int = 12,
) -> NDArray[np.int32]:
    """Return boxes around the objects of `foreground`, aligned outwards to `block` and clipped to the frame.

    Parameters
    ----------
    foreground : (H, W) bool
        Moving pixels.
    block : int
        Coding block in pixels; 16 for H.264, 8 for the smallest of H.265 and AV1.
    min_area : int
        Foreground pixels below which an object is dropped.
    min_pixels : int
        Foreground pixels that a block needs to count, scaled from a 16-pixel block.

    Returns
    -------
    (N, 4) int32
        xyxy in pixels, x1 and y1 exclusive; top to bottom, then left to right. They may overlap: joined, in a crowd
        one box would swallow the frame, and a form that codes masked frames pays nothing for an overlap.

    Raises
    ------
    ValueError
        When `foreground` is not two-dimensional or `block` is below 1.
    """
    if foreground.ndim != 2 or block < 1:
        raise ValueError("find_boxes takes a (H, W) mask and a block of at least 1 pixel")
    counts = count_cells(foreground, block)
    cells = counts >= max(1.0, min_pixels * (block / 16) ** 2)
    height, width = foreground.shape
    boxes = _components(cells, counts, min_area) * block
    boxes = boxes.clip(0, [width, height, width, height]).astype(np.int32)
    return boxes[np.lexsort((boxes[:, 0], boxes[:, 1]))]


def count_cells(foreground: NDArray[np.bool_], block: int) -> NDArray[np.int32]:
    """Count the pixels set in each `block` x `block` cell: (ceil(H / block), ceil(W / block)) int32."""
    height, width = foreground.shape
    padded = np.pad(foreground, ((0, -height % block), (0, -width % block)))
    cells = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block)
    return cells.sum(axis=(1, 3), dtype=np.int32)


def cells_to_mask(cells: NDArray[np.bool_], block: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (H, W) bool mask whose `block` x `block` cells are set where `cells` is."""
    rows, columns = cells.shape
    size = (columns * block, rows * block)
    grown = cv2.resize(cells.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(grown[: shape[0], : shape[1]]).view(bool)


def _components(cells: NDArray[np.bool_], counts: NDArray[np.int32], min_area: int) -> NDArray[np.int32]:
    """Boxes, in cells, of the connected components that hold at least `min_area` foreground pixels."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    area = np.bincount(labels.ravel(), weights=counts.ravel(), minlength=n)
    x, y, w, h = stats[1:, :4].T
    boxes = np.stack([x, y, x + w, y + h], axis=1).astype(np.int32).reshape(-1, 4)
    return boxes[area[1:] >= min_area]


def join_boxes(boxes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Unite boxes that share a pixel until none do; (N, 4) int32 xyxy in, (M, 4) out, M <= N."""
    pending = [tuple(box) for box in boxes.tolist()]
    done: list[tuple[int, ...]] = []
    while pending:
        box = pending.pop()
        touching = [b for b in done if b[0] < box[2] and box[0] < b[2] and b[1] < box[3] and box[1] < b[3]]
        if not touching:
            done.append(box)
            continue
        done = [b for b in done if b not in touching]
        group = np.array([box, *touching])
        pending.append((*group[:, :2].min(axis=0).tolist(), *group[:, 2:].max(axis=0).tolist()))
    return np.array(done, dtype=np.int32).reshape(-1, 4)


def clean_cells(
    counts: NDArray[np.int32], weak: int, strong: int, min_cells: int, margin: int
) -> NDArray[np.bool_]:
    """Judge counts of foreground pixels per cell: hysteresis, connected components, growth by `margin` cells.

    A component stays where at least `min_cells` cells have `weak` pixels or more, and one of them `strong`.
    """
    n, labels = cv2.connectedComponents((counts >= weak).astype(np.uint8), ltype=cv2.CV_32S)
    keep = np.bincount(labels[counts >= weak], minlength=n) >= min_cells
    keep &= np.bincount(labels[counts >= strong], minlength=n) > 0
    cells = keep.view(np.uint8)[labels]
    return np.asarray(cv2.dilate(cells, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))).view(bool)
