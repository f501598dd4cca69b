"""What auto-exposure did to a whole frame: a robust line fit of its luma against the plate's.

Trimmed least squares: start from the median difference, fit, cast out what is too far off, fit again.

Limits: one gain and one offset a frame. A camera's tone curve is not quite a line, and a shadow over half the
picture is no exposure change at all.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

ENOUGH = 64  # samples for a fit


class Exposure(NamedTuple):
    """Luma in the plate's light = gain * luma + offset (grey levels)."""

    gain: float
    offset: float


def fit_exposure(
    luma: NDArray[np.uint8], mean: NDArray[np.floating], *, limits: tuple[float, ...] = (24.0, 10.0, 5.0)
) -> Exposure:
    """Fit mean = gain * luma + offset, casting out samples further off than each of `limits` in turn.

    Parameters
    ----------
    luma, mean : (N,) uint8, float
        Samples of the frame and of the plate, grey levels; clipped ones are ignored.

    Returns
    -------
    Exposure
        The identity where too few samples, or too flat a scene, allow no fit.
    """
    use = (luma > 3) & (luma < 252)
    seen, truth = luma[use].astype(np.float32), np.asarray(mean, dtype=np.float32)[use]
    if len(seen) < ENOUGH:
        return Exposure(1.0, 0.0)
    slope, shift = _fit_kernel(seen, truth, np.array(limits))
    return Exposure(1 / slope, -shift / slope) if 0.25 < slope < 4 else Exposure(1.0, 0.0)


@nb.njit(cache=True, nogil=True)
def _fit_kernel(seen, truth, limits):  # pragma: no cover
    """Least squares of luma on mean: the mean has no noise, which would flatten the slope."""
    slope, shift = 1.0, np.median(seen - truth)
    for limit in limits:
        n = 0
        sx = sy = sxx = sxy = 0.0
        for x, y in zip(truth, seen):  # noqa: B905
            if abs(slope * x + shift - y) <= limit:
                n, sx, sy, sxx, sxy = n + 1, sx + x, sy + y, sxx + x * x, sxy + x * y
        spread = sxx - sx * sx / max(n, 1)
        if n < ENOUGH or spread < 16 * n:
            break
        slope = (sxy - sx * sy / n) / spread
        shift = (sy - slope * sx) / n
    return slope, shift
