"""Kernels of the bucket modes: whole groups, in numba.

GCTR version 1 (100 blocks, 5 buckets, a vector a bucket) has its own path without a branch a bucket; every other
reading takes the general one. Twins: tests/reference.py.
"""

import numpy as np
from numba import njit

from gctr.cipher._intrinsics import aes_listed, draw_cuts, mulhi, xor_group, xor_marked, xor_run
from gctr.cipher._ir_buckets import CUTS, GROUPS, UNITS
from gctr.cipher._layout import CUT_WORDS, GROUP_BUCKETS, fill_counters, group_ends, mark_cuts
from gctr.cipher.aes import SCHEDULE_WORDS, count_into, ctr_scheduled, key_schedule

BLOCK = 16
GROUP_BYTES = BLOCK * UNITS  # of version 1
VECTOR_BYTES = BLOCK * GROUP_BUCKETS  # vectors of one group of version 1
# Scratch of version 1, in bytes: vectors of sixteen groups, their cuts, the keystream of one group.
CUTS_AT = GROUPS * VECTOR_BYTES
STREAM_AT = CUTS_AT + 8 * CUTS * GROUPS
WORK_WORDS = (STREAM_AT + GROUP_BYTES) // 8
TILE_BLOCKS = GROUPS * UNITS  # blocks whose counters bucket_ctr lists at a time
RUN_VECTORS = 256  # vectors that the general path makes at a time
LONG_RUN = 64  # blocks from which a branch at a bucket's end costs less than a look at every block


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
    stream = np.empty(group_bytes, np.uint8)
    for i in range((src.size + skip + group_bytes - 1) // group_bytes):
        start, group = i * group_bytes - skip, first + np.uint64(i)
        part = vectors[BLOCK * i * per_group :]
        if per_group == 1:
            _xor_run(lanes, part, 0, start, start + group_bytes, src, dst)
        elif unit_bytes == 1 or group_size >= LONG_RUN * buckets:
            group_ends(sid_upper, sid_lower, group, group_size, marks, ends)
            _xor_runs(lanes, part, ends, unit_bytes, start, src, dst)
        else:
            mark_cuts(sid_upper, sid_lower, group, group_size, buckets - 1, marks)
            if start >= 0 and start + group_bytes <= src.size:
                xor_marked(part, 0, marks, 0, src, start, dst, start, group_size)
            else:
                stream[:] = 0
                xor_marked(part, 0, marks, 0, stream, 0, stream, 0, group_size)
                _xor_bytes(stream, start, src, dst)
            marks[:] = 0


@njit(cache=True, nogil=True)
def _xor_runs(lanes, vectors, ends, unit_bytes, start, src, dst):
    """Xor the buckets of one group that begins at byte `start`, one after the other."""
    low = start
    for j in range(ends.size):
        stop = start + np.int64(ends[j]) * unit_bytes
        _xor_run(lanes, vectors, BLOCK * j, low, stop, src, dst)
        low = stop


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
        groups = min(needed, max(1, TILE_BLOCKS // group_size))
        fill_counters(sid_upper, sid_lower, group_size, buckets, group, groups, work, work[-CUT_WORDS:])
        if skip % BLOCK:
            head = src[done : done + BLOCK - skip % BLOCK], dst[done:]
            ctr_scheduled(lanes, schedule, rounds, nonce, work[skip // BLOCK], skip % BLOCK, *head, False)
            done, skip = done + head[0].size, skip + BLOCK - skip % BLOCK
        listed = skip // BLOCK
        size = min(src.size - done, (groups * group_size - listed) * BLOCK)
        aes_listed(lanes, schedule, 0, rounds, nonce, work, 8 * listed, src, done, dst, done, size, streaming)
        group, done, skip = group + np.uint64(groups), done + size, 0
