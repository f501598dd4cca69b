"""Background models: a frame in, its moving pixels out, and the plate of the empty scene beside them.

Every model stands behind the small Protocol `BackgroundModel`. `Mog2Background` and `KnnBackground` wrap
OpenCV's (Zivkovic, ICPR 2004; Zivkovic & van der Heijden, PRL 2006); they are the baselines. `register_plate`
builds the still that the cloud receives once, before any object is sent.

Limits: a fixed camera; a moving or zooming one needs a new plate per view. An object that never moves while
the plate is registered becomes part of it (`check_empty` finds people among those).
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.vision.medians import masked_median

FOREGROUND = 255  # OpenCV marks shadows 127
WARM_UP = 8  # after fewer showings OpenCV's models still mark everything, or nothing


class BackgroundModel(Protocol):
    """What finds moving pixels and keeps the picture of the empty scene."""

    def apply(self, frame: NDArray[np.uint8], held: NDArray[np.int32] | None = None) -> NDArray[np.bool_]:
        """Update with `frame`; return its foreground.

        Parameters
        ----------
        frame : (H, W, 3) uint8
            BGR.
        held : (N, 4) int, optional
            xyxy boxes of live tracks: nothing inside them is learnt, so that a stopped object stays
            foreground.

        Returns
        -------
        (H, W) bool
            Shadows excluded.
        """
        ...

    def plate(self) -> NDArray[np.uint8]:
        """Return the present estimate of the empty scene, (H, W, 3) uint8 BGR."""
        ...


class _OpenCvBackground:
    """An OpenCV subtractor; a held box is shown to it as background and compared with the plate instead."""

    def __init__(
        self, subtractor: cv2.BackgroundSubtractor, plate: NDArray[np.uint8] | None, tolerance: int = 20
    ) -> None:
        self._subtractor = subtractor
        self._tolerance = tolerance
        self._fed = plate is not None
        if plate is not None:
            for _ in range(WARM_UP):
                subtractor.apply(plate)

    def apply(self, frame: NDArray[np.uint8], held: NDArray[np.int32] | None = None) -> NDArray[np.bool_]:
        """See `BackgroundModel.apply`."""
        if held is None or not len(held) or not self._fed:
            self._fed = True
            return np.asarray(self._subtractor.apply(frame) == FOREGROUND)
        plate, shown = self.plate(), frame.copy()
        inside = boxes_to_mask(held, frame.shape[:2])
        shown[inside] = plate[inside]
        foreground = np.asarray(self._subtractor.apply(shown) == FOREGROUND)
        differs = cv2.absdiff(frame, plate).max(axis=2) > self._tolerance
        return foreground | (differs & inside)

    def plate(self) -> NDArray[np.uint8]:
        """See `BackgroundModel.plate`. Raises RuntimeError before the first frame."""
        if not self._fed:
            raise RuntimeError("the background model has seen no frame yet; call apply(frame) first")
        return np.asarray(self._subtractor.getBackgroundImage(), dtype=np.uint8)


class Mog2Background(_OpenCvBackground):
    """OpenCV's Gaussian mixture, started from `plate` where one is registered.

    `history` is in frames, `var_threshold` in squared standard deviations.
    """

    def __init__(
        self,
        plate: NDArray[np.uint8] | None = None,
        *,
        history: int = 500,
        var_threshold: float = 16.0,
        shadows: bool = True,
    ) -> None:
        super().__init__(cv2.createBackgroundSubtractorMOG2(history, var_threshold, shadows), plate)


class KnnBackground(_OpenCvBackground):
    """OpenCV's K-nearest-neighbour model, started from `plate` where one is registered.

    `history` is in frames, `threshold` in squared grey levels.
    """

    def __init__(
        self,
        plate: NDArray[np.uint8] | None = None,
        *,
        history: int = 500,
        threshold: float = 400.0,
        shadows: bool = True,
    ) -> None:
        super().__init__(cv2.createBackgroundSubtractorKNN(history, threshold, shadows), plate)


def boxes_to_mask(boxes: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (H, W) bool mask of the union of `boxes`, (N, 4) int xyxy, clipped to `shape`."""
    mask = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in np.asarray(boxes, dtype=np.int64).reshape(-1, 4).clip(min=0):
        mask[y0:y1, x0:x1] = True
    return mask


def register_plate(
    frames: Iterable[NDArray[np.uint8]], *, samples: int = 48, tolerance: int = 20, grow: int = 9
) -> NDArray[np.uint8]:
    """Return the plate of the empty scene: the median of the samples with moving things cut out.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8
        BGR, of one fixed view and one size; about `samples` of them, evenly spread, are kept in memory.
    samples : int
        Most frames used.
    tolerance : int
        Grey levels from the first median beyond which a pixel counts as an object.
    grow : int
        Pixels by which objects are grown before they are cut out.

    Returns
    -------
    (H, W, 3) uint8
        BGR.

    Raises
    ------
    ValueError
        When there is no frame, or frames differ in size.
    """
    stack = _spread(frames, samples)
    first = masked_median(stack)[0].astype(np.uint8)
    kernel = np.ones((grow, grow), dtype=np.uint8)
    moving = np.stack([cv2.dilate(_differs(frame, first, tolerance), kernel) for frame in stack])
    median, seen = masked_median(stack, moving.view(bool))
    return np.where(seen[..., None], np.rint(median).astype(np.uint8), first)


def _spread(frames: Iterable[NDArray[np.uint8]], samples: int) -> NDArray[np.uint8]:
    """Keep every step-th frame, doubling the step when `2 * samples` are held: even, in one pass."""
    kept: list[NDArray[np.uint8]] = []
    step = 1
    for k, frame in enumerate(frames):
        if k % step == 0:
            kept.append(frame)
        if len(kept) == 2 * samples:
            kept, step = kept[::2], step * 2
    if not kept:
        raise ValueError("a plate needs at least one frame; the source gave none")
    if len({frame.shape for frame in kept}) > 1:
        raise ValueError("the frames of a plate must have one size; register a plate per view")
    return np.stack(kept[:: max(1, round(len(kept) / samples))])


def _differs(frame: NDArray[np.uint8], plate: NDArray[np.uint8], tolerance: int) -> NDArray[np.uint8]:
    # numpy's maximum over colours takes seven times as long.
    blue, green, red = cv2.split(cv2.absdiff(frame, plate))
    return (cv2.max(cv2.max(blue, green), red) > tolerance).astype(np.uint8)


def check_empty(
    plate: NDArray[np.uint8], detect: Callable[[NDArray[np.uint8]], NDArray[np.int32]]
) -> NDArray[np.int32]:
    """Return the boxes of people still in `plate`, (N, 4) int32 xyxy, as `detect` sees them.

    A detector misses people too: no box lowers the risk of a ghost, it proves nothing.
    """
    return np.asarray(detect(plate), dtype=np.int32).reshape(-1, 4)
