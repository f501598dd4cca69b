"""Attack 14: ghosts. Who stood still while the background was registered is in it, for the cloud to see.

The registered background is a still that the cloud holds openly beside its key. `register_plate` takes the median of
what it is shown, so a person who stays for most of that time stays in the plate. Ghosts are pixels of the plate more
than 20 grey levels from the empty scene.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.evaluation.attacks.views import Octets, is_foreground
from gctr.vision.background import boxes_to_mask, register_plate

SEEN = 0.25
"""Share of his box that ghosts must fill for a person to count as seen; a standing body fills about half of it."""


class Ghosts(NamedTuple):
    """`pixels`: (H, W) bool, ghosts; `people` of `present` are seen."""

    pixels: NDArray[np.bool_]
    people: int
    present: int


def find_ghosts(plate: Octets, empty: Octets, boxes: NDArray[np.float64]) -> Ghosts:
    """Return the ghosts of a plate.

    Parameters
    ----------
    plate, empty : (H, W, 3) uint8
        The registered background and the true empty scene, BGR.
    boxes : (N, 4) float
        xyxy boxes of the people in the middle of the registration.
    """
    pixels = cv2.morphologyEx(
        is_foreground(plate, empty).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
    )
    filled = [
        float(pixels[y0:y1, x0:x1].mean()) for x0, y0, x1, y1 in np.asarray(boxes, int) if x1 > x0 and y1 > y0
    ]
    return Ghosts(pixels.astype(bool), sum(value >= SEEN for value in filled), len(filled))


def ghost_table(
    frames: Sequence[Octets],
    boxes: Sequence[NDArray[np.float64]],
    empty: Octets,
    fps: float,
    seconds: Sequence[float],
    starts: int = 3,
) -> pd.DataFrame:
    """Register the background over windows of several lengths.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8
    boxes : sequence of (N, 4) float
        People in each frame.
    empty : (H, W, 3) uint8
        The true empty scene.
    fps : float
    seconds : sequence of float
        Lengths of the registration.
    starts : int
        Windows of each length, evenly spread.

    Returns
    -------
    DataFrame
        `seconds`, `start`, `ghost_pixels`, `people_seen`, `people_present`, `inside` (share of the ghost pixels that
        lie in a person's box), `expected` (share of the picture that those boxes cover) and `p_value`: as many
        inside, if the ghosts were moved about the picture.
    """
    rows = []
    for length in seconds:
        count = min(max(1, round(length * fps)), len(frames))
        for start in np.unique(np.linspace(0, len(frames) - count, starts).astype(int)):
            plate = register_plate(frames[start : start + count], samples=16)
            middle = boxes[start + count // 2]
            found = find_ghosts(plate, empty, middle)
            window = {"seconds": count / fps, "start": start / fps, "ghost_pixels": int(found.pixels.sum())}
            people = {"people_seen": found.people, "people_present": found.present}
            rows.append(window | people | _test(found, middle))
    return pd.DataFrame(rows)


def _test(found: Ghosts, boxes: NDArray[np.float64]) -> dict[str, float]:
    """Return inside, expected and the p-value over all circular shifts of the ghosts (one correlation, by FFT)."""
    inside = boxes_to_mask(np.asarray(boxes, np.int32).reshape(-1, 4), found.pixels.shape)
    spectrum = np.fft.rfft2(inside.astype(float)) * np.conj(np.fft.rfft2(found.pixels.astype(float)))
    overlap = np.rint(np.fft.irfft2(spectrum, s=inside.shape))
    return {
        "inside": float(overlap[0, 0] / max(int(found.pixels.sum()), 1)),
        "expected": float(inside.mean()),
        "p_value": float((overlap >= overlap[0, 0]).mean()),
    }
