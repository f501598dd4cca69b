"""What a recovered picture shows of outlines, whatever its colours.

An attacker who has a vector wrong by a constant gets a stretch of the picture in wrong colours with right edges: no
pixel of it is exact and its structural similarity may be negative, and yet one sees who walks there. The measure is the
structure term of SSIM (Wang et al., IEEE Trans. Image Processing 13, 2004, equation 10) without its sign, so that light
may stand for dark. Null: the same picture out of its place, which keeps its texture.

Limits: repeated texture matches itself out of place, too, which hides outlines. The p-value is right for noise, but too
small for what the attack makes of a control: it smooths along the picture's rows, and a picture out of place has its
rows torn, so that controls are rejected more often than the level says. Read the score beside that of the controls.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.evaluation.attacks.views import Frame, Octets, is_foreground
from gctr.evaluation.statistics import rank_p_value

WINDOW = 7  # pixels, as in the structural similarity beside it
_FLAT = (0.03 * 255) ** 2 / 2  # SSIM's C3: below it a window has no structure


def outline_score(
    frame: Frame, image: Octets, plate: Octets, *, draws: int = 499, seed: int = 0
) -> tuple[float, float, float]:
    """Return how well outlines of the foreground show in `image`, the median of the null, and the p-value.

    Parameters
    ----------
    frame : Frame
        What the camera saw, and the region that was sent.
    image, plate : (H, W, 3) uint8 array
        What the attacker sees, and the registered background, which only tells the foreground.
    draws : int
        How often the picture is put out of its place; the p-value is at least 1 / (draws + 1).
    seed : int
        Of those places.

    Returns
    -------
    score, chance, p_value : float
        Scores lie in 0..1. NaN, NaN and 1 if nothing stands in the foreground.
    """
    wanted = frame.region.mask() & is_foreground(frame.image, plate)
    if not wanted.any():
        return float("nan"), float("nan"), 1.0
    truth, payload = _grey(frame.image), frame.region.cut(image).reshape(-1, 3)
    moved = np.random.default_rng(seed).integers(1, max(2, len(payload)), draws)
    observed = _likeness(truth, _grey(image), wanted)
    null = [
        _likeness(truth, _grey(frame.region.paste(np.roll(payload, int(k), axis=0), image)), wanted)
        for k in moved
    ]
    return observed, float(np.median(null)), rank_p_value(observed, null)


def _likeness(a: NDArray[np.float32], b: NDArray[np.float32], wanted: NDArray[np.bool_]) -> float:
    """Return the mean of |covariance| / (product of deviations) over the windows around the wanted pixels."""
    mean_a, mean_b = _mean(a), _mean(b)
    covariance = _mean(a * b) - mean_a * mean_b
    power = (_mean(a * a) - mean_a**2).clip(0) * (_mean(b * b) - mean_b**2).clip(0)
    return float(np.mean((np.abs(covariance) / (np.sqrt(power) + _FLAT))[wanted]))


def _mean(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(picture, (WINDOW, WINDOW)))


def _grey(image: Octets) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
