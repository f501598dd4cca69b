"""Find what is seen of a body made of lofted parts: exact silhouettes and depth, without a mesh.

A part is an axis between two joints with an elliptical cross-section that changes along it (`PROFILE`
samples). Seen from the camera at a yaw, an ellipse with half-axes a and b reaches `width` to either side, and
at a lateral offset s its near side lies at `skew` * s + `bulge` * sqrt(1 - (s / width)**2): closed forms,
tabulated once a part and frame by `shapes`. Pictures are drawn `SUPER` times finer than the frame;
`shade.paint` averages them, which gives the coverage of each pixel.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

SUPER = 2  # sub-pixels along each side of a pixel
PROFILE = 28  # samples of a cross-section along a part's axis
NOTHING = -1  # the part number where no part is seen
_FAR = -1e9

# The columns of a part: ends in sub-pixels, their depth towards the camera in metres, sub-pixels a metre there, …
(AX, AY, AW, BX, BY, BW, SCALE_A, SCALE_B, COS, SIN, MATERIAL, CAPS, SHIFT, KIND, HEIGHT_A, HEIGHT_B) = range(
    16
)
# … and what `finish` adds: the axis' unit vector on the picture, the one sideways, the axis' length in sub-pixels
EX, EY, RX, RY, LENGTH = range(16, 21)
PART_COLUMNS = 21
PLAIN, HEAD, HAIR, TORSO, NOSE = range(5)  # KIND
CAP_A, CAP_B = 1, 2  # CAPS, to be added: which ends are round

# The rows of a part's shape, `PROFILE` samples each, in metres (skew has no unit)
WIDTH, BULGE, SKEW, ASIDE, AHEAD, HALF_A, HALF_B, OFFSET, SLOPE = range(9)

jit: Any = numba.njit(cache=True, nogil=True, error_model="numpy")


def finish(parts: NDArray) -> None:
    """Fill in the columns of `parts` that follow from the others.

    Sideways is to the right of the picture for an axis that points up, and stays so for one that points down.
    """
    along = parts[:, [BX, BY]] - parts[:, [AX, AY]]
    parts[:, LENGTH] = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-3)
    parts[:, [EX, EY]] = along / parts[:, LENGTH, None]
    turn = np.where(parts[:, EY] > 0, 1, -1)
    parts[:, RX], parts[:, RY] = turn * parts[:, EY], -turn * parts[:, EX]


def shapes(parts: NDArray, profiles: NDArray) -> NDArray[np.float32]:
    """Tabulate the (N, 9, PROFILE) shapes of parts from their (N, 3, PROFILE) half-widths, half-depths and offsets."""
    a, b, c = (profiles[:, i].astype(np.float64) for i in range(3))
    cos, sin = parts[:, COS, None].astype(np.float64), parts[:, SIN, None].astype(np.float64)
    width = np.sqrt((a * cos) ** 2 + (b * sin) ** 2)
    bulge = a * b / width
    skew = sin * cos * (b * b - a * a) / (width * width)
    metres = parts[:, LENGTH] / (parts[:, [SCALE_A, SCALE_B]].mean(axis=1))
    slope = np.gradient(a, 1 / (PROFILE - 1), axis=1) / np.maximum(metres, 0.02)[:, None]
    slope = np.clip(slope, -1.2, 1.2)
    return np.stack([width, bulge, skew, c * sin, c * cos, a, b, c, slope], axis=1).astype(np.float32)


@jit
def ramp(low: float, high: float, x: float) -> float:
    """Rise from 0 at `low` to 1 at `high` without a corner."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@jit
def local(
    part: NDArray, shape: NDArray, dx: float, dy: float
) -> tuple[float, float, float, float, float, float]:
    """Place a point of the picture, (dx, dy) sub-pixels from a part's first end, in the part.

    Returns (t_raw, t, s, width, cap, scale): the place along the axis, 0 to 1 between the ends, and clipped
    to them; the offset from the section's middle and the half-width, metres; the shrinking of the section in
    a round end (0: outside); sub-pixels a metre.
    """
    t_raw = (dx * part[EX] + dy * part[EY]) / part[LENGTH]
    t = min(max(t_raw, 0.0), 1.0)
    scale = part[SCALE_A] + (part[SCALE_B] - part[SCALE_A]) * t
    width = lerp(shape, WIDTH, t)
    cap = 1.0
    if t_raw != t:
        beyond = (t_raw - t) * part[LENGTH] / (scale * width)
        left = 1.0 - beyond * beyond
        cap = np.sqrt(left) if left > 0.0 else 0.0
    return t_raw, t, (dx * part[RX] + dy * part[RY]) / scale - lerp(shape, ASIDE, t), width * cap, cap, scale


@jit
def lerp(shape: NDArray, row: int, t: float) -> float:
    """Interpolate a row of a shape at t in 0..1."""
    at = t * (PROFILE - 1)
    i = min(int(at), PROFILE - 2)
    f = at - i
    return shape[row, i] + (shape[row, i + 1] - shape[row, i]) * f


@jit
def is_hair(azimuth: float, level: float, style: float, jitter: float) -> bool:
    """Tell whether hair covers the head at an azimuth (0 is the face) and level (0 chin, 1 crown).

    `style` 0 is short, 1 long, negative receding.
    """
    front = 0.80 - 0.14 * min(style, 0.0)
    side = 0.46 - 0.7 * max(style, 0.0)
    back = 0.10 - 0.6 * max(style, 0.0)
    line = front + (side - front) * ramp(0.70, 1.25, azimuth) + (back - side) * ramp(1.6, 2.2, azimuth)
    return level > line + 0.022 * jitter


@jit
def _span(low: float, high: float, offset: float, slope: float, reach: float) -> tuple[float, float]:
    """Cut low..high to where |offset + slope * x| <= reach."""
    if abs(slope) > 1e-3:
        a, b = (-reach - offset) / slope, (reach - offset) / slope
        return max(low, min(a, b)), min(high, max(a, b))
    return low, high


@jit
def _row(
    k: int, part: NDArray, shape: NDArray, y: int, x0: int, x1: int, hair: float, folds: NDArray,
    depth: NDArray, seen: NDArray,
) -> None:  # fmt: skip
    """Draw one row of part `k`."""
    caps, bald = int(part[CAPS]), part[KIND] != HAIR
    dy = y + 0.5 - part[AY]
    for x in range(x0, x1 + 1):
        dx = x + 0.5 - part[AX]
        t_raw, t, s, width, cap, _ = local(part, shape, dx, dy)
        if (t_raw < 0.0 and not caps & CAP_A) or (t_raw > 1.0 and not caps & CAP_B):
            continue
        if abs(s) >= width:
            continue
        q = s / width
        out = lerp(shape, SKEW, t) * s + lerp(shape, BULGE, t) * cap * np.sqrt(1.0 - q * q)
        near = part[AW] + (part[BW] - part[AW]) * t + out + lerp(shape, AHEAD, t)
        if near <= depth[y, x]:
            continue
        if not bald:
            lateral, forward = s * part[COS] - out * part[SIN], s * part[SIN] + out * part[COS]
            azimuth = abs(np.arctan2(lateral, forward + lerp(shape, OFFSET, t)))
            jitter = folds[int(t * 90.0) & 255, int(azimuth * 30.0 + 60.0 * (lateral > 0)) & 255]
            if not is_hair(azimuth, t, hair, jitter):
                continue
        depth[y, x] = near
        seen[y, x] = k


@jit
def find_seen(
    parts: NDArray, shape: NDArray, hair: float, folds: NDArray, depth: NDArray, seen: NDArray
) -> None:
    """Write into `seen` (h, w) int8 which part each sub-pixel shows, NOTHING for none, and its depth into `depth`."""
    rows, columns = depth.shape
    depth[:] = _FAR
    seen[:] = NOTHING
    for k in range(parts.shape[0]):
        part = parts[k]
        reach = 0.0
        for i in range(PROFILE):
            reach = max(reach, shape[k, WIDTH, i] + abs(shape[k, ASIDE, i]))
        reach = reach * max(part[SCALE_A], part[SCALE_B]) + 1.0
        half = 0.5 * part[LENGTH]
        y0 = int(max(min(part[AY], part[BY]) - reach, 0))
        y1 = int(min(max(part[AY], part[BY]) + reach, rows - 1))
        low, high = min(part[AX], part[BX]) - reach, max(part[AX], part[BX]) + reach
        for y in range(y0, y1 + 1):
            dy = y + 0.5 - part[AY]
            left, right = _span(low - part[AX], high - part[AX], dy * part[RY], part[RX], reach)
            left, right = _span(left, right, dy * part[EY] - half, part[EX], half + reach)
            x0, x1 = int(max(left + part[AX] - 1, 0)), int(min(right + part[AX] + 1, columns - 1))
            _row(k, part, shape[k], y, x0, x1, hair, folds, depth, seen)
