"""Kernels of GCTR in readings other than version 1, in numba. Twins: tests/reference.py."""

import numpy as np
from numba import njit

from gctr.cipher._buffers import BLOCK
from gctr.cipher._groups import make_vectors, vector_id, xor_bytes
from gctr.cipher._intrinsics import xor_marked, xor_run
from gctr.cipher._layout import group_ends, mark_cuts
from gctr.cipher.aes import SCHEDULE_WORDS, key_schedule

RUN_VECTORS = 256  # vectors made at a time
LONG_RUN = 64  # blocks from which a branch at a bucket's end costs less than a look at every block


@njit(cache=True, nogil=True)
def runs_into(lanes, key, sid, shape, first, skip, src, dst):
    """`gctr_into` for any reading; `shape` is (group_size, buckets, unit_bytes, vectors a group)."""
    group_size, _, unit_bytes, per_group = shape
    schedule = np.empty(SCHEDULE_WORDS, np.uint32)
    rounds = key_schedule(lanes, key, schedule)
    groups = max(1, RUN_VECTORS // per_group)
    vectors = np.empty(2 * groups * per_group, np.uint64)
    group, done, tile = np.uint64(first), -np.int64(skip), groups * group_size * unit_bytes
    while done < src.size:
        make_vectors(lanes, schedule, rounds, vector_id(sid, group, per_group), vectors, groups * per_group)
        low, high = done if done > 0 else 0, min(src.size, done + tile)
        place = group, low - done, src[low:high], dst[low:high]
        runs_given(lanes, vectors.view(np.uint8), sid, shape, *place)
        group, done = group + np.uint64(groups), done + tile


@njit(cache=True, nogil=True)
def runs_given(lanes, vectors, sid, shape, first, skip, src, dst):
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
            group_ends(sid[0], sid[1], group, group_size, marks, ends)
            _xor_runs(lanes, part, ends, unit_bytes, start, src, dst)
        else:
            mark_cuts(sid[0], sid[1], group, group_size, buckets - 1, marks)
            if start >= 0 and start + group_bytes <= src.size:
                xor_marked(part, 0, marks, 0, src, start, dst, start, group_size)
            else:
                stream[:] = 0
                xor_marked(part, 0, marks, 0, stream, 0, stream, 0, group_size)
                xor_bytes(stream, start, src, dst)
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
