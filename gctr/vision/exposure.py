"""What auto-exposure did to a whole frame: a robust line fit of its luma against the plate's.

Trimmed least squares: start from the median difference, fit, cast out what is too far off, fit again.

Shadow is told from object by colour and texture (Prati et al., PAMI 2003, compare such tests): it darkens all
channels alike and smoothly.

`TINT` and `ROUGH` were chosen among twelve pairs by F1 on the synthetic scene and SBI2015 IBMtest2, so results on those
two flatter them; cdnet-highway, CAVIAR2 and PETS2009 had no say.

Limits: one gain and one offset a frame. A camera's tone curve is not quite a line, and a shadow over half the
picture is no exposure change at all.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

ENOUGH = 64  # samples for a fit
LIMITS = np.array([24.0, 10.0, 5.0])  # grey levels from one fit beyond which a sample has no part in the next
DARKEST, LIGHTEST = 0.4, 0.97  # what of the light a shadow leaves
TINT, ROUGH = 0.05, 0.05  # most that channels may differ in it, and pixels of 5 x 5 from one plane


class Exposure(NamedTuple):
    """Luma in the plate's light = gain * luma + offset (grey levels)."""

    gain: float
    offset: float


def fit_exposure(luma: NDArray[np.uint8], mean: NDArray[np.floating]) -> Exposure:
    """Fit mean = gain * luma + offset, casting out samples further off than each of `LIMITS` in turn.

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
    slope, shift = _fit_kernel(seen, truth, LIMITS)
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


@nb.njit(cache=True, nogil=True)
def light_kernel(luma, gain, offset, lit):  # pragma: no cover
    """Fill `lit` with `luma`, both (H, W) uint8, brought into another light by float32 `gain` and `offset`."""
    for y in range(luma.shape[0]):
        for x in range(luma.shape[1]):
            value = np.float32(luma[y, x]) * gain + offset
            lit[y, x] = np.uint8(np.int32(np.rint(min(max(value, np.float32(0)), np.float32(255)))))


def find_shadow(
    frame: NDArray[np.uint8],
    plate: NDArray,
    where: NDArray[np.bool_],
    exposure: Exposure | None = None,
    *,
    scale: float = 1.0,
) -> NDArray[np.bool_]:
    """Return where `frame` is `plate` in shadow, (H, W) bool: darker, by the same factor in all channels and around.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        BGR.
    plate : (H, W, 3) uint8 or int16
        BGR, in units of `scale` grey levels.
    where : (H, W) bool
        Pixels that are asked about.
    exposure : Exposure, optional
        What brings the frame into the plate's light.
    """
    gain, offset = exposure or (1.0, 0.0)
    found = np.zeros(where.shape, dtype=np.bool_)
    _shadow_kernel(frame, plate, np.float32(scale), np.float32(gain), np.float32(offset), where, found)
    return found


@nb.njit(cache=True, nogil=True)
def _light_left(frame, plate, scale, gain, offset, y, x):  # pragma: no cover
    """Return the share of the plate's light at one pixel, all channels together."""
    seen = np.float32(frame[y, x, 0]) + np.float32(frame[y, x, 1]) + np.float32(frame[y, x, 2])
    known = np.float32(plate[y, x, 0]) + np.float32(plate[y, x, 1]) + np.float32(plate[y, x, 2])
    return (seen * gain + 3 * offset + 3) / (known * scale + 3)


@nb.njit(cache=True, nogil=True)
def _shadow_kernel(frame, plate, scale, gain, offset, where, found):  # pragma: no cover
    """Test colour, then texture, of each pixel in `where`."""
    height, width = where.shape
    for y in range(height):
        for x in range(width):
            if not where[y, x]:
                continue
            mean = _light_left(frame, plate, scale, gain, offset, y, x)
            even = DARKEST < mean < LIGHTEST
            for c in range(3):
                left = (frame[y, x, c] * gain + offset + 1) / (plate[y, x, c] * scale + 1)
                even &= abs(left - mean) < TINT
            if not even:
                continue
            found[y, x] = _roughness(frame, plate, scale, gain, offset, y, x) < ROUGH**2


@nb.njit(cache=True, nogil=True)
def _roughness(frame, plate, scale, gain, offset, y, x):  # pragma: no cover
    """Return the variance of the light left over 5 x 5 pixels about its own plane: a shadow's soft edge is a slope."""
    height, width = frame.shape[:2]
    if not (2 <= y < height - 2 and 2 <= x < width - 2):
        return 0.0
    total = squares = along = across = 0.0
    for v in range(-2, 3):
        for u in range(-2, 3):
            value = _light_left(frame, plate, scale, gain, offset, y + v, x + u)
            total, squares = total + value, squares + value * value
            along, across = along + u * value, across + v * value
    return (squares - total * total / 25 - (along * along + across * across) / 50) / 25
