"""Kernels of GCTR version 1 (100 blocks a group, 5 buckets), in numba.

Groups go in tiles of sixteen, for which vectors and cuts are made at once; no branch depends on where a bucket ends.
Twins: tests/reference.py.
"""

import numpy as np
from numba import njit

from gctr.cipher._buffers import BLOCK
from gctr.cipher._intrinsics import draw_cuts, mulhi, settle, xor_group
from gctr.cipher._ir_layout import CUTS, GROUPS, UNITS
from gctr.cipher.aes import SCHEDULE_WORDS, count_into, key_schedule

GROUP_BUCKETS = CUTS + 1
GROUP_BYTES = BLOCK * UNITS
TILE_BYTES = GROUPS * GROUP_BYTES
VECTOR_BYTES = BLOCK * GROUP_BUCKETS  # vectors of one group
# Scratch, in bytes: vectors of sixteen groups, their cuts, the keystream of one group.
CUTS_AT = GROUPS * VECTOR_BYTES
STREAM_AT = CUTS_AT + 8 * CUTS * GROUPS
WORK_WORDS = (STREAM_AT + GROUP_BYTES) // 8


@njit(cache=True, nogil=True)
def gctr_into(lanes, key, sid, first, skip, src, dst, streaming):
    """`gctr_scheduled` under a key of 16, 24 or 32 bytes, (k,) uint8."""
    schedule, work = np.empty(SCHEDULE_WORDS, np.uint32), np.empty(WORK_WORDS, np.uint64)
    rounds = key_schedule(lanes, key, schedule)
    gctr_scheduled(lanes, schedule, rounds, sid, first, skip, src, dst, streaming, work)


@njit(cache=True, nogil=True)
def gctr_scheduled(lanes, schedule, rounds, sid, first, skip, src, dst, streaming, work):
    """Xor `src` into `dst` with GCTR version 1, from byte `skip` of group `first`, under an expanded key.

    `sid` is the initial bucket id, its upper and lower half as uint64. `src` and `dst`, (n,) uint8, are the same memory
    or do not overlap. `streaming` writes past the cache; then ``dst - skip`` must be a multiple of 16. `work` is
    scratch, (WORK_WORDS,) uint64.
    """
    group, at = np.uint64(first), -np.int64(skip)
    while at < src.size:
        groups = min(GROUPS, (src.size - at + GROUP_BYTES - 1) // GROUP_BYTES)
        make_vectors(
            lanes, schedule, rounds, vector_id(sid, group, GROUP_BUCKETS), work, groups * GROUP_BUCKETS
        )
        _xor_tile(lanes, sid, group, at, groups, src, dst, streaming, work)
        group, at = group + np.uint64(GROUPS), at + TILE_BYTES
    if streaming:
        settle()


@njit(cache=True, nogil=True)
def gctr_given(lanes, vectors, sid, first, skip, src, dst):
    """`gctr_into` with the vectors of all its groups given, (n,) uint8."""
    work = np.empty(WORK_WORDS, np.uint64)
    for i in range((src.size + skip + TILE_BYTES - 1) // TILE_BYTES):
        part = vectors[i * CUTS_AT : (i + 1) * CUTS_AT]
        work.view(np.uint8)[: part.size] = part
        group, at = first + np.uint64(i * GROUPS), i * TILE_BYTES - skip
        _xor_tile(lanes, sid, group, at, part.size // VECTOR_BYTES, src, dst, False, work)


@njit(cache=True, nogil=True)
def make_vectors(lanes, schedule, rounds, number, work, count):
    """Write `count` encrypted ids from `number`, upper and lower half, to the beginning of `work`, uint64."""
    for i in range(2 * count):
        work[i] = 0
    end = np.uint64(BLOCK * count)
    count_into(lanes, schedule, rounds, number[0], number[1], work, np.uint64(0), work, end, False)


@njit(cache=True, nogil=True)
def _xor_tile(lanes, sid, first, at, groups, src, dst, streaming, work):
    """Xor up to sixteen groups, the first of which begins at byte `at`, perhaps before the data.

    (To pass arrays on in a tuple would count references, which costs more than a group.)
    """
    draw_cuts(sid[0], sid[1], first, work, CUTS_AT)
    for i in range(groups):
        start, vectors, cuts = at + i * GROUP_BYTES, i * VECTOR_BYTES, CUTS_AT + 8 * i
        if start >= 0 and start + GROUP_BYTES <= src.size:
            xor_group(lanes, work, vectors, work, cuts, src, start, dst, start, streaming)
        else:
            stream = work.view(np.uint8)[STREAM_AT:]
            stream[:] = 0
            xor_group(lanes, work, vectors, work, cuts, stream, 0, stream, 0, False)
            xor_bytes(stream, start, src, dst)


@njit(cache=True, nogil=True)
def xor_bytes(stream, start, src, dst):
    """Xor the part of `stream` that falls on the data, when it begins at byte `start`, perhaps before the data."""
    low, high = max(start, 0), min(start + stream.size, src.size)
    mask, text, target = stream[low - start :], src[low:high], dst[low:high]
    for i in range(text.size):
        target[i] = text[i] ^ mask[i]


@njit(cache=True, nogil=True)
def vector_id(sid, group, per_group):
    """Id of a group's first vector: ``sid + group * per_group``, the halves."""
    step, carry = group * np.uint64(per_group), mulhi(group, np.uint64(per_group))
    total = sid[1] + step
    return sid[0] + carry + np.uint64(total < step), total
