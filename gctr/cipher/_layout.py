"""Where buckets begin and end, in numba: initial ids, and groups of any shape.

Twins: tests/reference.py, on NumPy's Philox.
"""

import numpy as np
from numba import njit

from gctr.cipher._buffers import BLOCK
from gctr.cipher._intrinsics import hash_1, hash_16, mulhi, trailing_zeros
from gctr.cipher._ir_layout import MULTIPLIERS, WEYL

HASHED = 16  # messages hashed at once
_M0, _M1, _W0, _W1 = (np.uint64(word) for word in (*MULTIPLIERS, *WEYL))


@njit(cache=True, nogil=True)
def philox4x64(k0, k1, c0, c1):
    """Philox4x64-10 of counter (c0, c1, 0, 0) under key (k0, k1); four uint64."""
    c2, c3 = np.uint64(0), np.uint64(0)
    for _ in range(10):
        hi0, lo0 = mulhi(_M0, c0), _M0 * c0
        hi1, lo1 = mulhi(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0
        k0 += _W0
        k1 += _W1
    return c0, c1, c2, c3


@njit(cache=True, nogil=True)
def mark_cuts(k0, k1, group, group_size, cuts, marks):
    """Draw the cuts of one group by Floyd's sampling; set their bits in `marks`, a bit a unit in uint64, all zero."""
    words = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
    for k in range(cuts):
        if k % 4 == 0:
            words = philox4x64(k0, k1, group, np.uint64(k // 4))
        limit = np.uint64(group_size - cuts + k)
        cut = mulhi(words[k % 4], limit) + np.uint64(1)
        if marks[cut >> np.uint64(6)] >> (cut & np.uint64(63)) & np.uint64(1):
            cut = limit
        marks[cut >> np.uint64(6)] |= np.uint64(1) << (cut & np.uint64(63))


@njit(cache=True, nogil=True)
def group_ends(k0, k1, group, group_size, marks, ends):
    """Write where the buckets of one group end, in units, into `ends` (uint32); `marks` is left zero."""
    mark_cuts(k0, k1, group, group_size, ends.size - 1, marks)
    found = 0
    for i in range(marks.size):
        left = marks[i]
        while left:
            ends[found] = 64 * i + trailing_zeros(left)
            left &= left - np.uint64(1)
            found += 1
        marks[i] = 0
    ends[found] = group_size


@njit(cache=True, nogil=True)
def bucket_ends(k0, k1, first, group_size, ends):
    """Write the bucket ends of consecutive groups into `ends`, (groups, buckets) uint32."""
    marks = np.zeros(group_size // 64 + 1, np.uint64)
    for row in range(ends.shape[0]):
        group_ends(k0, k1, first + np.uint64(row), group_size, marks, ends[row])


@njit(cache=True, nogil=True)
def initial_ids(rows):
    """Replace each row of (n, 2) uint64, the halves of ``seed XOR size``, by those of the initial bucket id."""
    left = rows.shape[0] % HASHED
    whole = rows.shape[0] - left
    for i in range(0, whole, HASHED):
        hash_16(rows, BLOCK * i)
    if left == 1:
        hash_1(rows, BLOCK * whole)
    elif left:
        last = np.zeros((HASHED, 2), np.uint64)
        last[:left] = rows[whole:]
        hash_16(last, 0)
        rows[whole:] = last[:left]
