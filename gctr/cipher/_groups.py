"""Kernels of the bucket modes: whole groups, in numba.

GCTR version 1 (100 blocks, 5 buckets, a vector a bucket) has its own path without a branch a bucket; every other
reading takes the general one. Twins: tests/reference.py.
"""

import numpy as np
from numba import njit

from gctr.cipher._intrinsics import aes_listed, draw_cuts, mulhi, trailing_zeros, xor_group, xor_run
from gctr.cipher._ir_buckets import CUTS, GROUPS, UNITS
from gctr.cipher.aes import SCHEDULE_WORDS, count_into, ctr_scheduled, key_schedule

BLOCK = 16
GROUP_BYTES = BLOCK * UNITS  # of version 1
GROUP_BUCKETS = CUTS + 1
VECTOR_BYTES = BLOCK * GROUP_BUCKETS  # vectors of one group of version 1
# Scratch of version 1, in bytes: vectors of sixteen groups, their cuts, the keystream of one group.
CUTS_AT = GROUPS * VECTOR_BYTES
STREAM_AT = CUTS_AT + 8 * CUTS * GROUPS
WORK_WORDS = (STREAM_AT + GROUP_BYTES) // 8
TILE_BLOCKS = GROUPS * UNITS  # blocks whose counters bucket_ctr lists at a time
RUN_VECTORS = 256  # vectors that the general path makes at a time


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
    schedule, work = np.empty(SCHEDULE_WORDS, np.uint32), np.empty(WORK_WORDS, np.uint64)
    rounds = key_schedule(lanes, key, schedule)
    gctr_scheduled(lanes, schedule, rounds, sid_upper, sid_lower, first, skip, src, dst, streaming, work)


@njit(cache=True, nogil=True)
def gctr_scheduled(lanes, schedule, rounds, sid_upper, sid_lower, first, skip, src, dst, streaming, work):
    """Xor `src` into `dst` with GCTR version 1, from byte `skip` of group `first`, under an expanded key.

    The initial bucket id is ``sid_upper || sid_lower``, two uint64. `src` and `dst`, (n,) uint8, are the same memory
    or do not overlap. `streaming` writes past the cache; then ``dst - skip`` must be a multiple of 16. `work` is
    scratch, (WORK_WORDS,) uint64.
    """
    group, at = np.uint64(first), -np.int64(skip)
    while at < src.size:
        groups = min(GROUPS, (src.size - at + GROUP_BYTES - 1) // GROUP_BYTES)
        upper, lower = _vector_id(sid_upper, sid_lower, group, GROUP_BUCKETS)
        _make_vectors(lanes, schedule, rounds, upper, lower, work, groups * GROUP_BUCKETS)
        _xor_tile(lanes, sid_upper, sid_lower, group, at, src, dst, streaming, work)
        group, at = group + np.uint64(GROUPS), at + GROUPS * GROUP_BYTES


@njit(cache=True, nogil=True)
def gctr_given(lanes, vectors, sid_upper, sid_lower, first, skip, src, dst):
    """`gctr_into` with the vectors of all its groups given, (n,) uint8."""
    work, tile = np.empty(WORK_WORDS, np.uint64), GROUPS * GROUP_BYTES
    for i in range((src.size + skip + tile - 1) // tile):
        part = vectors[i * CUTS_AT : (i + 1) * CUTS_AT]
        work.view(np.uint8)[: part.size] = part
        _xor_tile(
            lanes, sid_upper, sid_lower, first + np.uint64(i * GROUPS), i * tile - skip, src, dst, False, work
        )


@njit(cache=True, nogil=True)
def _make_vectors(lanes, schedule, rounds, upper, lower, work, count):
    """Write the encrypted ids from ``upper || lower`` to the beginning of `work`, uint64."""
    for i in range(2 * count):
        work[i] = 0
    count_into(
        lanes, schedule, rounds, upper, lower, work, np.uint64(0), work, np.uint64(BLOCK * count), False
    )


@njit(cache=True, nogil=True)
def _xor_tile(lanes, k0, k1, first, at, src, dst, streaming, work):
    """Xor up to sixteen groups, the first of which begins at byte `at`, perhaps before the data."""
    draw_cuts(k0, k1, first, work, CUTS_AT)
    for i in range(GROUPS):
        start, stop = at + i * GROUP_BYTES, at + (i + 1) * GROUP_BYTES
        if start >= src.size:
            break
        if start >= 0 and stop <= src.size:
            xor_group(lanes, work, i * VECTOR_BYTES, work, CUTS_AT + 8 * i, src, start, dst, start, streaming)
        else:
            stream = work.view(np.uint8)[STREAM_AT:]
            stream[:] = 0
            xor_group(lanes, work, i * VECTOR_BYTES, work, CUTS_AT + 8 * i, stream, 0, stream, 0, False)
            _xor_bytes(stream, start, src, dst)


@njit(cache=True, nogil=True)
def _xor_bytes(stream, start, src, dst):
    """Xor the part of `stream` that falls on the data, when it begins at byte `start`, perhaps before the data."""
    low, high = max(start, 0), min(start + stream.size, src.size)
    mask, text, target = stream[low - start :], src[low:high], dst[low:high]
    for i in range(text.size):
        target[i] = text[i] ^ mask[i]


@njit(cache=True, nogil=True)
def _vector_id(upper, lower, group, per_group):
    """Id of a group's first vector: ``(upper || lower) + group * per_group``."""
    step, carry = group * np.uint64(per_group), mulhi(group, np.uint64(per_group))
    total = lower + step
    return upper + carry + np.uint64(total < step), total


@njit(cache=True, nogil=True)
def runs_into(lanes, key, sid_upper, sid_lower, shape, first, skip, src, dst):
    """`gctr_into` for any reading; `shape` is (group_size, buckets, unit_bytes, vectors a group)."""
    group_size, _, unit_bytes, per_group = shape
    schedule = np.empty(SCHEDULE_WORDS, np.uint32)
    rounds = key_schedule(lanes, key, schedule)
    groups = max(1, RUN_VECTORS // per_group)
    vectors = np.empty(2 * groups * per_group, np.uint64)
    group, done, tile = np.uint64(first), -np.int64(skip), groups * group_size * unit_bytes
    while done < src.size:
        upper, lower = _vector_id(sid_upper, sid_lower, group, per_group)
        _make_vectors(lanes, schedule, rounds, upper, lower, vectors, groups * per_group)
        low, high = done if done > 0 else 0, min(src.size, done + tile)
        place = group, low - done, src[low:high], dst[low:high]
        runs_given(lanes, vectors.view(np.uint8), sid_upper, sid_lower, shape, *place)
        group, done = group + np.uint64(groups), done + tile


@njit(cache=True, nogil=True)
def runs_given(lanes, vectors, sid_upper, sid_lower, shape, first, skip, src, dst):
    """`runs_into` with the vectors of all its groups given, (n,) uint8."""
    group_size, buckets, unit_bytes, per_group = shape
    marks, ends = np.zeros(group_size // 64 + 1, np.uint64), np.empty(buckets, np.uint32)
    group_bytes = group_size * unit_bytes
    for i in range((src.size + skip + group_bytes - 1) // group_bytes):
        start = i * group_bytes - skip
        if per_group == 1:
            _xor_run(lanes, vectors, BLOCK * i, start, start + group_bytes, src, dst)
            continue
        group_ends(sid_upper, sid_lower, first + np.uint64(i), group_size, marks, ends)
        for j in range(buckets):
            stop = i * group_bytes - skip + np.int64(ends[j]) * unit_bytes
            _xor_run(lanes, vectors, BLOCK * (i * per_group + j), start, stop, src, dst)
            start = stop


@njit(cache=True, nogil=True)
def _xor_run(lanes, vectors, at, start, stop, src, dst):
    """Xor bytes `start` to `stop`, as far as they fall on the data, with the vector at byte `at` of `vectors`."""
    low: int = max(0, start)
    stop = min(stop, src.size)
    while low < stop and (low - start) & 15:  # the data begins inside a repetition
        dst[low] = src[low] ^ vectors[at + ((low - start) & 15)]
        low += 1
    whole = max(0, stop - low) // BLOCK * BLOCK
    xor_run(lanes, vectors, at, src, low, dst, low, whole)
    low += whole
    for i in range(low, stop):
        dst[i] = src[i] ^ vectors[at + ((i - start) & 15)]


@njit(cache=True, nogil=True)
def bucket_ctr_into(lanes, key, nonce, sid_upper, sid_lower, shape, first, skip, src, dst, streaming):
    """`bucket_ctr_scheduled` under a key of 16, 24 or 32 bytes, (k,) uint8."""
    schedule, work = np.empty(SCHEDULE_WORDS, np.uint32), np.empty(counter_words(shape[0]), np.uint64)
    rounds = key_schedule(lanes, key, schedule)
    place = first, skip, src, dst, streaming
    bucket_ctr_scheduled(lanes, schedule, rounds, nonce, sid_upper, sid_lower, shape, *place, work)


@njit(cache=True, nogil=True)
def counter_words(group_size):
    """Words of scratch that `bucket_ctr_scheduled` needs."""
    return (
        max(1, TILE_BLOCKS // group_size) * group_size + 8
    )  # the kernel reads a whole register past the end


@njit(cache=True, nogil=True)
def bucket_ctr_scheduled(
    lanes, schedule, rounds, nonce, sid_upper, sid_lower, shape, first, skip, src, dst, streaming, work
):
    """Xor `src` into `dst` with bucket_ctr; as `gctr_scheduled`, `nonce` a uint64, `shape` (group_size, buckets).

    `work` is scratch, (counter_words(group_size),) uint64.
    """
    group_size, buckets = shape
    group, done, skip = np.uint64(first), 0, np.int64(skip)
    while done < src.size:
        needed = (src.size - done + skip + BLOCK * group_size - 1) // (BLOCK * group_size)
        blocks = min(needed, max(1, TILE_BLOCKS // group_size)) * group_size
        fill_counters(sid_upper, sid_lower, group_size, buckets, group, work[:blocks])
        if skip % BLOCK:
            head = src[done : done + BLOCK - skip % BLOCK], dst[done:]
            ctr_scheduled(lanes, schedule, rounds, nonce, work[skip // BLOCK], skip % BLOCK, *head, False)
            done, skip = done + head[0].size, skip + BLOCK - skip % BLOCK
        listed = skip // BLOCK
        size = min(src.size - done, (blocks - listed) * BLOCK)
        aes_listed(lanes, schedule, 0, rounds, nonce, work, 8 * listed, src, done, dst, done, size, streaming)
        group, done, skip = group + np.uint64(blocks // group_size), done + size, 0


@njit(cache=True, nogil=True)
def fill_counters(k0, k1, group_size, buckets, first, counters):
    """Write ``bucket << 32 | block in it`` for every block of whole groups from `first`, uint64."""
    if group_size == UNITS and buckets == GROUP_BUCKETS:
        _fill_version1(k0, k1, first, counters)
        return
    marks, ends = np.zeros(group_size // 64 + 1, np.uint64), np.empty(buckets, np.uint32)
    for i in range(counters.size // group_size):
        group, start = first + np.uint64(i), 0
        group_ends(k0, k1, group, group_size, marks, ends)
        for j in range(buckets):
            base = (group * np.uint64(buckets) + np.uint64(j)) << np.uint64(32)
            for unit in range(start, ends[j]):
                counters[i * group_size + unit] = base + np.uint64(unit - start)
            start = ends[j]


@njit(cache=True, nogil=True)
def _fill_version1(k0, k1, first, counters):
    cuts = np.empty((CUTS, GROUPS), np.uint64)
    for group in range(counters.size // UNITS):
        column = group % GROUPS
        if column == 0:
            draw_cuts(k0, k1, first + np.uint64(group), cuts, 0)
        bucket = (first + np.uint64(group)) * np.uint64(GROUP_BUCKETS)
        a, b, c, d = cuts[0, column], cuts[1, column], cuts[2, column], cuts[3, column]
        _number_blocks(bucket << np.uint64(32), a, b, c, d, counters, np.uint64(group * UNITS))


@njit(cache=True, nogil=True)
def _number_blocks(number, a, b, c, d, counters, at):
    """Number the blocks of one group; at a cut the bucket goes up by one and the block in it back to zero.

    Without a branch in it, the loop becomes vector instructions.
    """
    up = np.uint64(1) << np.uint64(32)
    for i in range(UNITS):
        unit = np.uint64(i)
        count = number + unit
        count += up - a if unit >= a else np.uint64(0)
        count += up - (b - a) if unit >= b else np.uint64(0)
        count += up - (c - b) if unit >= c else np.uint64(0)
        count += up - (d - c) if unit >= d else np.uint64(0)
        counters[at + unit] = count  # a signed index could mean one from the end, which costs a branch
