"""Where buckets end, in numba: groups of any shape, and what `bucket_ctr` counts in them.

Twins: tests/reference.py, on NumPy's Philox.
"""

import numpy as np
from numba import njit

from gctr.cipher._intrinsics import draw_cuts, mulhi, trailing_zeros
from gctr.cipher._ir_buckets import CUTS, GROUPS, UNITS

GROUP_BUCKETS = CUTS + 1
SPARE = -UNITS % 8
CUT_WORDS = CUTS * GROUPS  # uint64 of scratch for the cuts of sixteen groups


@njit(cache=True, nogil=True)
def philox4x64(k0, k1, c0, c1):
    """Philox4x64-10 of counter (c0, c1, 0, 0) under key (k0, k1); four uint64."""
    c2, c3 = np.uint64(0), np.uint64(0)
    for _ in range(10):
        hi0, lo0 = mulhi(np.uint64(0xD2E7470EE14C6C93), c0), np.uint64(0xD2E7470EE14C6C93) * c0
        hi1, lo1 = mulhi(np.uint64(0xCA5A826395121157), c2), np.uint64(0xCA5A826395121157) * c2
        c0, c1, c2, c3 = hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0
        k0 += np.uint64(0x9E3779B97F4A7C15)
        k1 += np.uint64(0xBB67AE8584CAA73B)
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
def fill_counters(k0, k1, group_size, buckets, first, groups, counters, cuts):
    """Write ``bucket << 32 | block in it`` for every block of `groups` whole groups from `first`.

    `counters` is uint64, with SPARE words past the last block; `cuts` is scratch, (CUT_WORDS,) uint64.
    """
    if group_size == UNITS and buckets == GROUP_BUCKETS:
        _fill_version1(k0, k1, first, groups, counters, cuts)
        return
    marks, ends = np.zeros(group_size // 64 + 1, np.uint64), np.empty(buckets, np.uint32)
    for i in range(groups):
        group, start = first + np.uint64(i), 0
        group_ends(k0, k1, group, group_size, marks, ends)
        for j in range(buckets):
            base = (group * np.uint64(buckets) + np.uint64(j)) << np.uint64(32)
            for unit in range(start, ends[j]):
                counters[i * group_size + unit] = base + np.uint64(unit - start)
            start = ends[j]


@njit(cache=True, nogil=True)
def _fill_version1(k0, k1, first, groups, counters, cuts):
    for group in range(groups):
        column = group % GROUPS
        if column == 0:
            draw_cuts(k0, k1, first + np.uint64(group), cuts, 0)
        bucket = (first + np.uint64(group)) * np.uint64(GROUP_BUCKETS)
        a, b, c, d = cuts[column], cuts[GROUPS + column], cuts[2 * GROUPS + column], cuts[3 * GROUPS + column]
        _number_blocks(bucket << np.uint64(32), a, b, c, d, counters, np.uint64(group * UNITS))


@njit(cache=True, nogil=True)
def _number_blocks(number, a, b, c, d, counters, at):
    """Number the blocks of one group; at a cut the bucket goes up by one and the block in it back to zero.

    Without a branch in it, the loop becomes vector instructions; it goes on to a whole register of eight, and the next
    group writes over what is too much.
    """
    up = np.uint64(1) << np.uint64(32)
    for i in range(UNITS + SPARE):
        unit = np.uint64(i)
        count = number + unit
        count += up - a if unit >= a else np.uint64(0)
        count += up - (b - a) if unit >= b else np.uint64(0)
        count += up - (c - b) if unit >= c else np.uint64(0)
        count += up - (d - c) if unit >= d else np.uint64(0)
        counters[at + unit] = count  # a signed index could mean one from the end, which costs a branch
