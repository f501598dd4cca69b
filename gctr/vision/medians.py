"""The median over time of many pictures, with pixels left out: what a plate is made of.

Bisection on the bits of the answer: eight times, count for every pixel how many pictures lie below the next
guess. Each count is one comparison of a whole row with another, which becomes SIMD code; sorting would not.

Oracle: `numpy.nanmedian`, in `tests/vision/test_medians.py`.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

TOP = np.uint8(255)


def masked_median(
    stack: NDArray[np.uint8], left_out: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the median of each pixel and channel over the pictures in which it is not left out.

    Parameters
    ----------
    stack : (T, H, W, C) uint8
        1 to 65,535 pictures.
    left_out : (T, H, W) bool, optional
        Pixels that do not count.

    Returns
    -------
    median : (H, W, C) float64
        A multiple of a half; 255 where nothing is left.
    known : (H, W) bool
        Where something is left.
    """
    n, height, width, channels = stack.shape
    out = np.zeros((n, height, width), np.bool_) if left_out is None else left_out
    doubled = np.empty((height, width, channels), np.uint16)
    known = np.empty((height, width), np.bool_)
    _median_kernel(stack, out, doubled, known)
    return doubled / 2, known


@nb.njit(cache=True, nogil=True)
def _median_kernel(stack, left_out, doubled, known):  # pragma: no cover
    """Give twice the median row by row, so that a row of all pictures stays in the cache."""
    n, height, width, channels = stack.shape
    row = np.empty((n, width * channels), np.uint8)
    low, high = np.empty((2, width * channels), np.uint16)
    for y in range(height):
        for x in range(width):
            count = 0
            for t in range(n):
                out = left_out[t, y, x]
                count += not out
                for c in range(channels):  # at the top, what is left out shifts no rank
                    row[t, x * channels + c] = TOP if out else stack[t, y, x, c]
            known[y, x] = count > 0
            for c in range(channels):
                low[x * channels + c] = max(count - 1, 0) // 2
                high[x * channels + c] = count // 2
        first, second = _rank_kernel(row, low), _rank_kernel(row, high)
        for x in range(width):
            for c in range(channels):
                doubled[y, x, c] = np.uint16(first[x * channels + c]) + np.uint16(second[x * channels + c])


@nb.njit(cache=True, nogil=True)
def _rank_kernel(row, rank):  # pragma: no cover
    """Return the value of the given rank, from 0, of each column of (T, N) uint8."""
    n, width = row.shape
    found, below = np.zeros(width, np.uint8), np.empty(width, np.uint16)
    for place in range(7, -1, -1):
        bit = np.uint8(1 << place)
        below[:] = 0
        for t in range(n):
            for x in range(width):
                below[x] += np.uint16(row[t, x] < np.uint8(found[x] | bit))
        for x in range(width):
            found[x] |= bit if below[x] <= rank[x] else np.uint8(0)
    return found
