"""One piece of data through one mode on the backend in use; what `modes` and `batch` share.

Pieces of one message may run in different threads: the kernels release Python's interpreter lock.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise

import numpy as np

from gctr.cipher._bucket_ctr import CUT_WORDS, SPARE, list_counters
from gctr.cipher._buffers import BLOCK, UINT8, Octets
from gctr.cipher._calls import bucket_ctr_call, ctr_call, gctr_call, signed
from gctr.cipher._groups import gctr_given
from gctr.cipher._readings import runs_given, runs_into
from gctr.cipher.aes import LANES, backend, library_blocks, library_ctr
from gctr.cipher.buckets import VERSION_1, GctrParams, bucket_ids, initial_bucket_id, split128

STREAM_BYTES = 1 << 24  # from here on an output of its own is written past the cache, as memcpy does
LIBRARY_BYTES = 1 << 22  # data whose counters the library encrypts in one call


def ctr_piece(key: bytes, counter_block: bytes, offset: int, src: Octets, dst: Octets) -> None:
    """AES-CTR from byte `offset` of the stream."""
    name = backend()
    if name == "library" or offset >= 1 << 62:
        block = (int.from_bytes(counter_block, "big") + offset // BLOCK) % (1 << 128)
        counter_block, offset = block.to_bytes(BLOCK, "big"), offset % BLOCK
    if name == "library":
        library_ctr(key, counter_block, offset, src, dst)
    else:
        ctr_call(LANES[name], _array(key + counter_block), offset, src, dst, _streams(src, dst, offset))


def gctr_piece(
    key: bytes, seed: bytes, size: int, params: GctrParams, offset: int, src: Octets, dst: Octets
) -> None:
    """GCTR from byte `offset` of data of `size` bytes."""
    name = backend()
    if name != "library" and (params is VERSION_1 or params == VERSION_1):
        place = signed(size), signed(offset), src, dst, _streams(src, dst, offset)
        gctr_call(LANES[name], _array(key + seed), *place)
        return
    sid = initial_bucket_id(seed, size)
    if params.is_ctr:
        ctr_piece(key, sid.to_bytes(BLOCK, "big"), offset, src, dst)
    elif name == "library":
        _gctr_library(key, sid, params, offset, src, dst)
    else:
        first, skip = divmod(offset, params.group_bytes)
        runs_into(LANES[name], _array(key), split128(sid), _shape(params), np.uint64(first), skip, src, dst)


def bucket_ctr_piece(
    key: bytes,
    nonce: bytes,
    seed: bytes,
    size: int,
    params: GctrParams,
    offset: int,
    src: Octets,
    dst: Octets,
) -> None:
    """bucket_ctr from byte `offset` of data of `size` bytes."""
    name = backend()
    if name == "library":
        sid = initial_bucket_id(seed, size)
        _bucket_ctr_library(key, int.from_bytes(nonce, "big"), sid, params, offset, src, dst)
        return
    place = signed(size), signed(offset), (params.group_size, params.buckets)
    bucket_ctr_call(LANES[name], _array(key + nonce + seed), *place, src, dst, _streams(src, dst, offset))


def in_threads(
    piece: Callable[[int, Octets, Octets], None],
    offset: int,
    src: Octets,
    dst: Octets,
    step: int,
    threads: int,
) -> None:
    """Call ``piece(offset, src, dst)`` on up to `threads` parts at once, cut at multiples of `step` of the stream.

    Read-only data is copied to `dst` and worked on there: of read-only arrays numba would compile every kernel once
    more, and it is slow to call with them.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, is {threads}")
    if not src.flags.writeable:
        dst[:] = src
        src = dst
    if threads == 1 or src.size <= step:
        piece(offset, src, dst)
        return
    share = -(-src.size // (threads * step)) * step
    stops = range(share - offset % step, src.size + share, share)
    parts = [(offset + a, src[a:b], dst[a:b]) for a, b in pairwise([0, *(min(s, src.size) for s in stops)])]
    others = [thread_pool(threads).submit(piece, *part) for part in parts[1:]]
    try:
        piece(*parts[0])  # here, while the others wake up
    finally:
        wait(others)  # nobody writes to `dst` after this has returned or raised
    for other in others:
        other.result()


@cache
def thread_pool(threads: int) -> ThreadPoolExecutor:
    """Return the pool of that many threads; made once, since starting a thread costs as much as a megabyte."""
    return ThreadPoolExecutor(threads, thread_name_prefix="gctr-cipher")


if hasattr(
    os, "register_at_fork"
):  # a forked process has the pools but none of their threads: it would wait for ever
    os.register_at_fork(after_in_child=thread_pool.cache_clear)


def _gctr_library(key: bytes, sid: int, params: GctrParams, offset: int, src: Octets, dst: Octets) -> None:
    per_group = _shape(params)[3]
    for first, skip, part in _tiles(params, offset, src.size):
        groups = -(-(skip + part.stop - part.start) // params.group_bytes)
        index = np.uint64(first * per_group) + np.arange(groups * per_group, dtype=np.uint64)
        vectors = library_blocks(key, bucket_ids(sid, index)).reshape(-1)
        place = np.uint64(first), skip, src[part], dst[part]
        if params == VERSION_1:
            gctr_given(LANES["library"], vectors, split128(sid), *place)
        else:
            runs_given(LANES["library"], vectors, split128(sid), _shape(params), *place)


def _bucket_ctr_library(
    key: bytes, nonce: int, sid: int, params: GctrParams, offset: int, src: Octets, dst: Octets
) -> None:
    for first, skip, part in _tiles(params, offset, src.size):
        groups = -(-(skip + part.stop - part.start) // params.group_bytes)
        counters = np.empty((groups * params.group_size + SPARE, 2), np.uint64)
        lower, scratch = np.empty(len(counters), np.uint64), np.empty(CUT_WORDS, np.uint64)
        shape = params.group_size, params.buckets
        list_counters(LANES["library"], split128(sid), shape, np.uint64(first), groups, lower, scratch)
        counters[:, 0], counters[:, 1] = np.uint64(nonce).byteswap(), lower
        stream = library_blocks(key, counters.view(np.uint8)).reshape(-1)
        np.bitwise_xor(src[part], stream[skip : skip + part.stop - part.start], out=dst[part])


def _tiles(params: GctrParams, offset: int, size: int):
    """Yield first group, bytes to skip in it, and slice of the data, for a few megabytes at a time."""
    tile = max(1, LIBRARY_BYTES // params.group_bytes) * params.group_bytes
    start = 0
    while start < size:
        first, skip = divmod(offset + start, params.group_bytes)
        stop = min(size, start + tile - skip)
        yield first, skip, slice(start, stop)
        start = stop


def _shape(params: GctrParams) -> tuple[int, int, int, int]:
    per_group = params.buckets if params.vector == "bucket" else 1
    return params.group_size, params.buckets, params.unit_bytes, per_group


def _array(secrets: bytes) -> Octets:
    return np.frombuffer(bytearray(secrets), UINT8)  # writable: see in_threads


def _streams(src: Octets, dst: Octets, offset: int) -> bool:
    """Whether to write past the cache: a large output of its own whose blocks lie on multiples of 16."""
    return (
        dst.size >= STREAM_BYTES
        and src.ctypes.data != dst.ctypes.data
        and (dst.ctypes.data - offset) % BLOCK == 0
    )
