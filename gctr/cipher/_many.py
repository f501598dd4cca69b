"""Kernels that go through the messages of a batch, in numba: message i is bytes ``starts[i]`` to ``stops[i]``.

One key, (1, k) uint8, serves all messages and is expanded once; of (n, k) keys each message has its own.
"""

import numpy as np
from numba import njit

from gctr.cipher._bucket_ctr import bucket_ctr_scheduled, counter_words
from gctr.cipher._groups import WORK_WORDS, gctr_scheduled
from gctr.cipher.aes import SCHEDULE_WORDS, ctr_scheduled, key_schedule


@njit(cache=True, nogil=True)
def ctr_many(lanes, keys, counters, skips, src, dst, starts, stops):
    """`ctr_scheduled` of every message."""
    schedule, rounds = np.empty(SCHEDULE_WORDS, np.uint32), 0
    for i in range(starts.size):
        if i == 0 or keys.shape[0] > 1:
            rounds = key_schedule(lanes, keys[i], schedule)
        a, b = starts[i], stops[i]
        ctr_scheduled(
            lanes, schedule, rounds, counters[i, 0], counters[i, 1], skips[i], src[a:b], dst[a:b], False
        )


@njit(cache=True, nogil=True)
def gctr_many(lanes, keys, sids, first, skips, src, dst, starts, stops):
    """`gctr_scheduled` of every message."""
    schedule, rounds, work = np.empty(SCHEDULE_WORDS, np.uint32), 0, np.empty(WORK_WORDS, np.uint64)
    for i in range(starts.size):
        if i == 0 or keys.shape[0] > 1:
            rounds = key_schedule(lanes, keys[i], schedule)
        a, b, sid = starts[i], stops[i], (sids[i, 0], sids[i, 1])
        gctr_scheduled(lanes, schedule, rounds, sid, first[i], skips[i], src[a:b], dst[a:b], False, work)


@njit(cache=True, nogil=True)
def bucket_ctr_many(lanes, keys, nonces, sids, shape, first, skips, src, dst, starts, stops):
    """`bucket_ctr_scheduled` of every message."""
    schedule, rounds = np.empty(SCHEDULE_WORDS, np.uint32), 0
    work = np.empty(counter_words(shape[0]), np.uint64)
    for i in range(starts.size):
        if i == 0 or keys.shape[0] > 1:
            rounds = key_schedule(lanes, keys[i], schedule)
        a, b, place = starts[i], stops[i], (nonces[i], (sids[i, 0], sids[i, 1]), shape, first[i], skips[i])
        bucket_ctr_scheduled(lanes, schedule, rounds, *place, src[a:b], dst[a:b], False, work)
