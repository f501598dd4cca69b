"""Kernels of bucket_ctr, in numba: its counters are listed for some groups, then encrypted as in CTR."""

import numpy as np
from numba import njit

from gctr.cipher._buffers import BLOCK
from gctr.cipher._groups import GROUP_BUCKETS
from gctr.cipher._intrinsics import aes_listed, draw_cuts, number_group, settle, swap_bytes
from gctr.cipher._ir_layout import CUTS, GROUPS, UNITS
from gctr.cipher._layout import group_ends
from gctr.cipher.aes import SCHEDULE_WORDS, ctr_scheduled, key_schedule

LISTED_BLOCKS = GROUPS * UNITS  # blocks whose counters are listed at a time
CUT_WORDS = CUTS * GROUPS
SPARE = 8  # words past the last counter that kernels read or write


@njit(cache=True, nogil=True)
def bucket_ctr_into(lanes, key, nonce, sid, shape, first, skip, src, dst, streaming):
    """`bucket_ctr_scheduled` under a key of 16, 24 or 32 bytes, (k,) uint8."""
    schedule, work = np.empty(SCHEDULE_WORDS, np.uint32), np.empty(counter_words(shape[0]), np.uint64)
    rounds = key_schedule(lanes, key, schedule)
    bucket_ctr_scheduled(lanes, schedule, rounds, nonce, sid, shape, first, skip, src, dst, streaming, work)


@njit(cache=True, nogil=True)
def counter_words(group_size):
    """Words of scratch that `bucket_ctr_scheduled` needs."""
    return CUT_WORDS + max(1, LISTED_BLOCKS // group_size) * group_size + SPARE


@njit(cache=True, nogil=True)
def bucket_ctr_scheduled(lanes, schedule, rounds, nonce, sid, shape, first, skip, src, dst, streaming, work):
    """Xor `src` into `dst` with bucket_ctr; as `gctr_scheduled`, `nonce` a uint64, `shape` (group_size, buckets).

    `work` is scratch, (counter_words(group_size),) uint64.
    """
    group_size, group, done, skip = shape[0], np.uint64(first), 0, np.int64(skip)
    cuts, counters = work[:CUT_WORDS], work[CUT_WORDS:]
    while done < src.size:
        needed = (src.size - done + skip + BLOCK * group_size - 1) // (BLOCK * group_size)
        groups = min(needed, max(1, LISTED_BLOCKS // group_size))
        list_counters(lanes, sid, shape, group, groups, counters, cuts)
        if skip % BLOCK:
            head, lower = src[done : done + BLOCK - skip % BLOCK], swap_bytes(counters[skip // BLOCK])
            ctr_scheduled(lanes, schedule, rounds, nonce, lower, skip % BLOCK, head, dst[done:], False)
            done, skip = done + head.size, skip + BLOCK - skip % BLOCK
        listed = skip // BLOCK
        size = min(src.size - done, (groups * group_size - listed) * BLOCK)
        aes_listed(
            lanes, schedule, 0, rounds, nonce, counters, 8 * listed, src, done, dst, done, size, streaming
        )
        group, done, skip = group + np.uint64(groups), done + size, 0
    if streaming:
        settle()


@njit(cache=True, nogil=True)
def list_counters(lanes, sid, shape, first, groups, counters, cuts):
    """Write ``BE32(bucket) || BE32(block in it)`` for every block of `groups` whole groups from `first`.

    `counters` is uint64, with SPARE words past the last block; `cuts` is scratch, (CUT_WORDS,) uint64.
    """
    if shape[0] == UNITS and shape[1] == GROUP_BUCKETS:
        _list_version_1(lanes, sid, first, groups, counters, cuts)
        return
    group_size, buckets = shape
    marks, ends = np.zeros(group_size // 64 + 1, np.uint64), np.empty(buckets, np.uint32)
    for i in range(groups):
        group, start = first + np.uint64(i), 0
        group_ends(sid[0], sid[1], group, group_size, marks, ends)
        for j in range(buckets):
            base = (group * np.uint64(buckets) + np.uint64(j)) << np.uint64(32)
            for unit in range(start, ends[j]):
                counters[i * group_size + unit] = swap_bytes(base + np.uint64(unit - start))
            start = ends[j]


@njit(cache=True, nogil=True)
def _list_version_1(lanes, sid, first, groups, counters, cuts):
    """As `list_counters`; what a group writes past its end, the next one writes over."""
    for i in range(groups):
        group, column = first + np.uint64(i), i % GROUPS
        if column == 0:
            draw_cuts(sid[0], sid[1], group, cuts, 0)
        number_group(lanes, group * np.uint64(GROUP_BUCKETS), cuts, 8 * column, counters, 8 * UNITS * i)
