"""Kernels of the bucket modes: whole groups, in numba.

GCTR version 1 (100 blocks, 5 buckets, a vector a bucket) has its own path without a branch a bucket; every other
reading takes the general one. Twins: tests/reference.py.
"""

import numpy as np
from numba import njit

from gctr.cipher._intrinsics import aes_listed, draw_cuts, mulhi, trailing_zeros, xor_group, xor_run
from gctr.cipher._ir_buckets import CUTS, GROUPS, UNITS
from gctr.cipher.aes import SCHEDULE_WORDS, ctr_scheduled, key_schedule

BLOCK = 16
GROUP_BYTES = BLOCK * UNITS  # of version 1
GROUP_BUCKETS = CUTS + 1
VECTOR_BYTES = BLOCK * GROUP_BUCKETS  # vectors of one group of version 1
TILE_BLOCKS = GROUPS * UNITS  # blocks whose counters bucket_ctr lists at a time


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
def group_ends(k0, k1, group, group_size, marks, ends):
    """Write where the buckets of one group end, in units, into `ends` (uint32).

    `marks`, a bit a unit in uint64, must be zero and is left so. Floyd's sampling draws the cuts, the marks sort them.
    """
    n_cuts = ends.size - 1
    words = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
    for k in range(n_cuts):
        if k % 4 == 0:
            words = philox4x64(k0, k1, group, np.uint64(k // 4))
        limit = np.uint64(group_size - n_cuts + k)
        cut = mulhi(words[k % 4], limit) + np.uint64(1)
        if marks[cut >> np.uint64(6)] >> (cut & np.uint64(63)) & np.uint64(1):
            cut = limit
        marks[cut >> np.uint64(6)] |= np.uint64(1) << (cut & np.uint64(63))
    found = 0
    for i in range(marks.size):
        left = marks[i]
        while left:
            ends[found] = 64 * i + trailing_zeros(left)
            left &= left - np.uint64(1)
            found += 1
        marks[i] = 0
    ends[n_cuts] = group_size


@njit(cache=True, nogil=True)
def bucket_ends(k0, k1, first, group_size, ends):
    """Write the bucket ends of consecutive groups into `ends`, (groups, buckets) uint32."""
    marks = np.zeros(group_size // 64 + 1, np.uint64)
    for row in range(ends.shape[0]):
        group_ends(k0, k1, first + np.uint64(row), group_size, marks, ends[row])


@njit(cache=True, nogil=True)
def gctr_into(lanes, key, sid_upper, sid_lower, first, skip, src, dst, streaming):
    """`gctr_scheduled` under a key of 16, 24 or 32 bytes, (k,) uint8."""
    schedule = np.empty(SCHEDULE_WORDS, np.uint32)
    rounds = key_schedule(lanes, key, schedule)
    gctr_scheduled(lanes, schedule, rounds, sid_upper, sid_lower, first, skip, src, dst, streaming)


@njit(cache=True, nogil=True)
def gctr_scheduled(lanes, schedule, rounds, sid_upper, sid_lower, first, skip, src, dst, streaming):
    """Xor `src` into `dst` with GCTR version 1, from byte `skip` of group `first`, under an expanded key.

    The initial bucket id is ``sid_upper || sid_lower``, two uint64. `src` and `dst`, (n,) uint8, are the same memory
    or do not overlap. `streaming` writes past the cache; then ``dst - skip`` must be a multiple of 16.
    """
    zeros, vectors = np.zeros(GROUPS * VECTOR_BYTES, np.uint8), np.empty(GROUPS * VECTOR_BYTES, np.uint8)
    group, at = np.uint64(first), -np.int64(skip)
    while at < src.size:
        size = min(GROUPS, (src.size - at + GROUP_BYTES - 1) // GROUP_BYTES) * VECTOR_BYTES
        upper, lower = _add128(sid_upper, sid_lower, group, GROUP_BUCKETS)
        ctr_scheduled(lanes, schedule, rounds, upper, lower, 0, zeros[:size], vectors[:size], False)
        _xor_tile(lanes, vectors, sid_upper, sid_lower, group, at, src, dst, streaming)
        group, at = group + np.uint64(GROUPS), at + GROUPS * GROUP_BYTES


@njit(cache=True, nogil=True)
def gctr_given(lanes, vectors, sid_upper, sid_lower, first, skip, src, dst):
    """`gctr_into` with the vectors of all its groups given, (n,) uint8."""
    tile = GROUPS * GROUP_BYTES
    for i in range((src.size + skip + tile - 1) // tile):
        part = vectors[i * GROUPS * VECTOR_BYTES :]
        _xor_tile(
            lanes, part, sid_upper, sid_lower, first + np.uint64(i * GROUPS), i * tile - skip, src, dst, False
        )


@njit(cache=True, nogil=True)
def _xor_tile(lanes, vectors, k0, k1, first, at, src, dst, streaming):
    """Xor up to sixteen groups, the first of which begins at byte `at`, perhaps before the data."""
    cuts = np.empty((CUTS, GROUPS), np.uint64)
    draw_cuts(k0, k1, first, cuts, 0)
    for i in range(GROUPS):
        start, stop = at + i * GROUP_BYTES, at + (i + 1) * GROUP_BYTES
        if start >= src.size:
            break
        if start >= 0 and stop <= src.size:
            xor_group(lanes, vectors, i * VECTOR_BYTES, cuts, 8 * i, src, start, dst, start, streaming)
        else:
            stream = np.zeros(GROUP_BYTES, np.uint8)
            xor_group(lanes, vectors, i * VECTOR_BYTES, cuts, 8 * i, stream, 0, stream, 0, False)
            _xor_bytes(stream, start, src, dst)


@njit(cache=True, nogil=True)
def _xor_bytes(stream, start, src, dst):
    """Xor the part of `stream` that falls on the data, when it begins at byte `start`, perhaps before the data."""
    low, high = max(start, 0), min(start + stream.size, src.size)
    for i in range(low, high):
        dst[i] = src[i] ^ stream[i - start]


@njit(cache=True, nogil=True)
def _add128(upper, lower, group, buckets):
    """Id of the first bucket of a group."""
    step, carry = group * np.uint64(buckets), mulhi(group, np.uint64(buckets))
    total = lower + step
    return upper + carry + np.uint64(total < step), total


@njit(cache=True, nogil=True)
def runs_into(lanes, key, sid_upper, sid_lower, shape, first, skip, src, dst):
    """`gctr_into` for any reading; `shape` is (group_size, buckets, unit_bytes, vectors a group)."""
    group_size, buckets, unit_bytes, per_group = shape
    schedule = np.empty(SCHEDULE_WORDS, np.uint32)
    rounds = key_schedule(lanes, key, schedule)
    zeros, vectors = np.zeros(BLOCK * per_group, np.uint8), np.empty(BLOCK * per_group, np.uint8)
    marks, ends = np.zeros(group_size // 64 + 1, np.uint64), np.empty(buckets, np.uint32)
    group, at = np.uint64(first), -np.int64(skip)
    while at < src.size:
        upper, lower = _add128(sid_upper, sid_lower, group, buckets)
        ctr_scheduled(lanes, schedule, rounds, upper, lower, 0, zeros, vectors, False)
        group_ends(sid_upper, sid_lower, group, group_size, marks, ends)
        _xor_runs(lanes, vectors, ends, unit_bytes, at, src, dst)
        group, at = group + np.uint64(1), at + group_size * unit_bytes


@njit(cache=True, nogil=True)
def runs_given(lanes, vectors, sid_upper, sid_lower, shape, first, skip, src, dst):
    """`runs_into` with the vectors of all its groups given, (n,) uint8."""
    group_size, buckets, unit_bytes, per_group = shape
    marks, ends = np.zeros(group_size // 64 + 1, np.uint64), np.empty(buckets, np.uint32)
    group_bytes = group_size * unit_bytes
    for i in range((src.size + skip + group_bytes - 1) // group_bytes):
        group_ends(sid_upper, sid_lower, first + np.uint64(i), group_size, marks, ends)
        part = vectors[i * BLOCK * per_group : (i + 1) * BLOCK * per_group]
        _xor_runs(lanes, part, ends, unit_bytes, i * group_bytes - skip, src, dst)


@njit(cache=True, nogil=True)
def _xor_runs(lanes, vectors, ends, unit_bytes, at, src, dst):
    """Xor the buckets of one group that begins at byte `at`, or the whole group where it has one vector."""
    start = at
    single = vectors.size == BLOCK
    for j in range(ends.size - 1 if single else 0, ends.size):
        stop = at + np.int64(ends[j]) * unit_bytes
        if stop > 0 and start < src.size:
            _xor_run(
                lanes, vectors[0 if single else BLOCK * j :], max(0, -start), max(0, start), stop, src, dst
            )
        start = stop


@njit(cache=True, nogil=True)
def _xor_run(lanes, vector, phase, low, stop, src, dst):
    """Xor bytes `low` to `stop`, or the end of the data, with a vector repeated from its byte `phase`."""
    turned = np.empty(BLOCK, np.uint8)
    for i in range(BLOCK):
        turned[i] = vector[(phase + i) % BLOCK]
    size, register = min(stop, src.size) - low, BLOCK * len(lanes)
    whole = size - size % register
    xor_run(lanes, turned, 0, src, low, dst, low, whole)
    for i in range(whole, size):
        dst[low + i] = src[low + i] ^ turned[i % BLOCK]


@njit(cache=True, nogil=True)
def bucket_ctr_into(lanes, key, nonce, sid_upper, sid_lower, shape, first, skip, src, dst, streaming):
    """`bucket_ctr_scheduled` under a key of 16, 24 or 32 bytes, (k,) uint8."""
    schedule = np.empty(SCHEDULE_WORDS, np.uint32)
    rounds = key_schedule(lanes, key, schedule)
    bucket_ctr_scheduled(
        lanes, schedule, rounds, nonce, sid_upper, sid_lower, shape, first, skip, src, dst, streaming
    )


@njit(cache=True, nogil=True)
def bucket_ctr_scheduled(
    lanes, schedule, rounds, nonce, sid_upper, sid_lower, shape, first, skip, src, dst, streaming
):
    """Xor `src` into `dst` with bucket_ctr; as `gctr_scheduled`, `nonce` a uint64, `shape` (group_size, buckets)."""
    group_size, buckets = shape
    needed = (src.size + skip + BLOCK * group_size - 1) // (BLOCK * group_size)
    groups = min(needed, max(1, TILE_BLOCKS // group_size))
    counters = np.empty(groups * group_size + 8, np.uint64)  # the kernel reads a whole register past the end
    group, done, skip = np.uint64(first), 0, np.int64(skip)
    while done < src.size:
        fill_counters(sid_upper, sid_lower, group_size, buckets, group, counters[: groups * group_size])
        left = counters[skip // BLOCK :]
        if skip % BLOCK:
            head = min(BLOCK - skip % BLOCK, src.size - done)
            ctr_scheduled(
                lanes,
                schedule,
                rounds,
                nonce,
                left[0],
                skip % BLOCK,
                src[done : done + head],
                dst[done:],
                False,
            )
            done, left = done + head, left[1:]
        size = min(src.size - done, (left.size - 8) * BLOCK)
        aes_listed(lanes, schedule, 0, rounds, nonce, left, 0, src, done, dst, done, size, streaming)
        group, done, skip = group + np.uint64(groups), done + size, 0


@njit(cache=True, nogil=True)
def fill_counters(k0, k1, group_size, buckets, first, counters):
    """Write ``bucket << 32 | block in it`` for every block of whole groups from `first`, uint64."""
    if group_size == UNITS and buckets == GROUP_BUCKETS:
        _fill_version1(k0, k1, first, counters)
        return
    marks, ends = np.zeros(group_size // 64 + 1, np.uint64), np.empty(buckets, np.uint32)
    for i in range(counters.size // group_size):
        group = first + np.uint64(i)
        group_ends(k0, k1, group, group_size, marks, ends)
        start = 0
        for j in range(buckets):
            base = (group * np.uint64(buckets) + np.uint64(j)) << np.uint64(32)
            for unit in range(start, ends[j]):
                counters[i * group_size + unit] = base + np.uint64(unit - start)
            start = ends[j]


@njit(cache=True, nogil=True)
def _fill_version1(k0, k1, first, counters):
    cuts = np.empty((CUTS, GROUPS), np.uint64)
    for tile in range(0, counters.size // UNITS, GROUPS):
        draw_cuts(k0, k1, first + np.uint64(tile), cuts, 0)
        for i in range(min(GROUPS, counters.size // UNITS - tile)):
            group, column = first + np.uint64(tile + i), cuts[:, i]
            _number_blocks(group * np.uint64(GROUP_BUCKETS), column, counters[(tile + i) * UNITS :])


@njit(cache=True, nogil=True)
def _number_blocks(bucket, cuts, counters):
    """Number the blocks of one group without a branch, so that the loop becomes vector instructions."""
    a, b, c, d = cuts[0], cuts[1], cuts[2], cuts[3]
    for i in range(UNITS):
        unit, start, number = np.uint64(i), np.uint64(0), bucket
        for cut in (a, b, c, d):
            number += np.uint64(unit >= cut)
            start = max(start, cut if unit >= cut else np.uint64(0))
        counters[i] = (number << np.uint64(32)) + (unit - start)
