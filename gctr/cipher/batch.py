"""Many messages, or many ranges of messages, in one call: for messages of some kilobytes a call each costs more than
the cipher.

All messages stand in one flat buffer; message i is ``data[starts[i] : starts[i] + lengths[i]]`` and is written to the
same place of the output. Oracle: the single-message functions of `gctr.cipher.modes`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from gctr.cipher._buffers import KEY_SIZES, BytesLike, Octets, as_octets, result_like, source_and_target
from gctr.cipher._engine import bucket_ctr_piece, ctr_piece, gctr_piece, thread_pool
from gctr.cipher._groups import WORK_WORDS, bucket_ctr_scheduled, counter_words, gctr_scheduled
from gctr.cipher._sha256 import hash_rows
from gctr.cipher.aes import BLOCK, LANES, SCHEDULE_WORDS, backend, ctr_scheduled, key_schedule
from gctr.cipher.buckets import VERSION_1, GctrParams
from gctr.cipher.modes import check_bucket_limit, warn_insecure

Rows = BytesLike | Sequence[BytesLike]
_SINGLE = (bytes, bytearray, memoryview, np.ndarray)


def ctr_xor_batch(
    keys: Rows,
    counter_blocks: Rows,
    data: BytesLike,
    starts: ArrayLike,
    lengths: ArrayLike,
    *,
    offsets: ArrayLike | None = None,
    out: BytesLike | None = None,
    threads: int = 1,
) -> Any:
    """`ctr_xor` of many messages.

    Parameters
    ----------
    keys : bytes-like, (n, k) uint8 array, or sequence of n bytes-like
        One key for all messages, or one each; all of one size, 16, 24 or 32 bytes.
    counter_blocks : (n, 16) uint8 array, or sequence of n bytes-like of 16 bytes
        First counter block of each message's stream; one for all would repeat the keystream and is refused.
    data : bytes-like or uint8 array
    starts, lengths : (n,) int
        Where each message stands in `data`, in bytes; messages must not overlap.
    offsets : (n,) int, optional
        Position of each message in its own stream, in bytes; by default 0.
    out : writable bytes-like or uint8 array, optional
        As large as `data`; `data` itself works in place. Bytes outside the messages are left as they are.
    threads : int
        Messages are shared out among so many threads.

    Returns
    -------
    bytes, or uint8 array of the shape of `data` where `data` is an array; `out` where it is given. Without `out`,
    bytes outside the messages are zero.

    Raises
    ------
    TypeError, ValueError
        Wrong numbers or sizes, messages that overlap or reach past the data, unusable `out`.
    """
    batch = _Batch.checked(keys, data, starts, lengths, offsets, out, threads)
    blocks, whole = _rows(counter_blocks, "counter_blocks", (BLOCK,), batch.n), batch.offsets // BLOCK
    counters = _pairs(blocks, whole.astype(np.uint64))
    skips = batch.offsets % BLOCK

    def kernel(lanes: tuple[int, ...], part: slice) -> None:
        _ctr_many(lanes, batch.keys_of(part), counters[part], skips[part], *batch.place(part))

    def single(i: int, key: bytes, src: Octets, dst: Octets) -> None:
        ctr_piece(key, _number(counters[i]), int(skips[i]), src, dst)

    batch.run(kernel, single)
    return result_like(data, out, batch.dst)


def gctr_xor_batch(
    keys: Rows,
    seeds: Rows,
    data: BytesLike,
    starts: ArrayLike,
    lengths: ArrayLike,
    *,
    sizes: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
    params: GctrParams = VERSION_1,
    out: BytesLike | None = None,
    threads: int = 1,
) -> Any:
    """`gctr_xor` of many messages; insecure as it is.

    Parameters
    ----------
    keys, data, starts, lengths, offsets, out, threads
        As for `ctr_xor_batch`.
    seeds : (n, 16) uint8 array, or sequence of n bytes-like of 16 bytes
        Seed of each message.
    sizes : (n,) int, optional
        Bytes of the whole data that each message is a piece of; must be given with offsets, else `lengths`.
    params : GctrParams
        Readings other than version 1 are worked on one message at a time.

    Returns
    -------
    bytes or uint8 array
        As `ctr_xor_batch`.

    Raises
    ------
    TypeError, ValueError
        As `ctr_xor_batch`; also a message that reaches past its size.

    Warns
    -----
    InsecureModeWarning
        Once a process.
    """
    warn_insecure()
    batch = _Batch.checked(keys, data, starts, lengths, offsets, out, threads)
    sids = _initial_ids(_rows(seeds, "seeds", (BLOCK,), batch.n), batch.sizes(sizes))
    first, skip = np.divmod(batch.offsets, params.group_bytes)

    def kernel(lanes: tuple[int, ...], part: slice) -> None:
        place = batch.place(part)
        _gctr_many(lanes, batch.keys_of(part), sids[part], first[part], skip[part], *place)

    def single(i: int, key: bytes, src: Octets, dst: Octets) -> None:
        gctr_piece(key, _number(sids[i]), params, int(batch.offsets[i]), src, dst)

    batch.run(kernel if params == VERSION_1 else None, single)
    return result_like(data, out, batch.dst)


def bucket_ctr_xor_batch(
    keys: Rows,
    nonces: Rows,
    seeds: Rows,
    data: BytesLike,
    starts: ArrayLike,
    lengths: ArrayLike,
    *,
    sizes: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
    params: GctrParams = VERSION_1,
    out: BytesLike | None = None,
    threads: int = 1,
) -> Any:
    """`bucket_ctr_xor` of many messages.

    Parameters
    ----------
    keys, data, starts, lengths, offsets, out, threads
        As for `ctr_xor_batch`.
    nonces : (n, 8) uint8 array, or sequence of n bytes-like of 8 bytes
        Nonce of each message.
    seeds, sizes
        As for `gctr_xor_batch`.
    params : GctrParams
        `group_size` and `buckets`; the unit must be the block.

    Returns
    -------
    bytes or uint8 array
        As `ctr_xor_batch`.

    Raises
    ------
    TypeError, ValueError
        As `ctr_xor_batch`; also 2**32 buckets or more.
    """
    batch = _Batch.checked(keys, data, starts, lengths, offsets, out, threads)
    whole = batch.sizes(sizes)
    check_bucket_limit(int(whole.max(initial=0)), params)
    sids = _initial_ids(_rows(seeds, "seeds", (BLOCK,), batch.n), whole)
    numbers = _rows(nonces, "nonces", (8,), batch.n).view(">u8").astype(np.uint64).ravel()
    shape, (first, skip) = (params.group_size, params.buckets), np.divmod(batch.offsets, params.group_bytes)

    def kernel(lanes: tuple[int, ...], part: slice) -> None:
        place = first[part], skip[part], *batch.place(part)
        _bucket_ctr_many(lanes, batch.keys_of(part), numbers[part], sids[part], shape, *place)

    def single(i: int, key: bytes, src: Octets, dst: Octets) -> None:
        bucket_ctr_piece(key, int(numbers[i]), _number(sids[i]), params, int(batch.offsets[i]), src, dst)

    batch.run(kernel, single)
    return result_like(data, out, batch.dst)


@dataclass(frozen=True)
class _Batch:
    """Checked messages: where they stand, their keys, and how to go through them."""

    keys: Octets
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    offsets: NDArray[np.int64]
    has_offsets: bool
    src: Octets
    dst: Octets
    threads: int

    @classmethod
    def checked(
        cls,
        keys: Rows,
        data: BytesLike,
        starts: ArrayLike,
        lengths: ArrayLike,
        offsets: ArrayLike | None,
        out: BytesLike | None,
        threads: int,
    ) -> "_Batch":
        begin = _numbers(starts, "starts", None)
        length = _numbers(lengths, "lengths", begin.size)
        place = np.zeros_like(begin) if offsets is None else _numbers(offsets, "offsets", begin.size)
        src, dst = source_and_target(data, out)
        _check_places(begin, length, src.size)
        if threads < 1:
            raise ValueError(f"threads must be at least 1, is {threads}")
        rows = _rows(keys, "keys", KEY_SIZES, begin.size, shared=True)
        if out is None:
            dst[:] = 0
        if not src.flags.writeable:
            for a, b in zip(begin.tolist(), (begin + length).tolist(), strict=True):
                dst[a:b] = src[a:b]
            src = dst
        return cls(rows, begin, begin + length, place, offsets is not None, src, dst, threads)

    @property
    def n(self) -> int:
        return self.starts.size

    def sizes(self, sizes: ArrayLike | None) -> NDArray[np.int64]:
        """Return the bytes of the whole data of every message, checked against its place in it."""
        length = self.stops - self.starts
        if sizes is None:
            if self.has_offsets:
                raise ValueError(
                    "offsets need sizes, the bytes of the whole data: the keystream depends on them"
                )
            return length
        whole = _numbers(sizes, "sizes", self.n)
        if bool(np.any(self.offsets + length > whole)):
            raise ValueError("a message reaches past its size")
        return whole

    def keys_of(self, part: slice) -> Octets:
        return self.keys if len(self.keys) == 1 else self.keys[part]

    def place(self, part: slice) -> tuple[Octets, Octets, NDArray[np.int64], NDArray[np.int64]]:
        return self.src, self.dst, self.starts[part], self.stops[part]

    def run(self, kernel: Callable | None, single: Callable[[int, bytes, Octets, Octets], None]) -> None:
        """Go through the messages: by the kernel where there is one for the backend, else one at a time."""
        name = backend()
        if name == "library" or kernel is None:
            for i, (a, b) in enumerate(zip(self.starts.tolist(), self.stops.tolist(), strict=True)):
                single(i, self.keys[i % len(self.keys)].tobytes(), self.src[a:b], self.dst[a:b])
            return
        parts = self._shares()
        if len(parts) == 1:
            kernel(LANES[name], parts[0])
        else:
            list(thread_pool(self.threads).map(lambda part: kernel(LANES[name], part), parts))

    def _shares(self) -> list[slice]:
        """Share the messages out by their bytes."""
        done = np.cumsum(self.stops - self.starts)
        goals = np.arange(1, self.threads) * (int(done[-1]) if self.n else 0) // self.threads
        cuts = [0, *np.searchsorted(done, goals, side="right").tolist(), self.n]
        return [slice(a, b) for a, b in pairwise(cuts) if a < b] or [slice(0, 0)]


def _numbers(values: ArrayLike, name: str, count: int | None) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    if array.ndim != 1 or (count is not None and array.size != count):
        raise ValueError(f"{name} must be one row of {'' if count is None else f'{count} '}integers")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= 1 << 62):
        raise ValueError(f"{name} must be 0 to 2**62 - 1")
    return array.astype(np.int64)


def _check_places(starts: NDArray[np.int64], lengths: NDArray[np.int64], size: int) -> None:
    stops = starts + lengths
    if bool(np.any(stops > size)):
        raise ValueError(f"a message reaches past the {size} bytes of data")
    order = np.argsort(starts, kind="stable")
    order = order[lengths[order] > 0]
    if bool(np.any(starts[order][1:] < stops[order][:-1])):
        raise ValueError("messages overlap")


def _rows(value: Rows, name: str, widths: tuple[int, ...], count: int, *, shared: bool = False) -> Octets:
    """Return (count, width) uint8, or (1, width) where one row is `shared` by all; always a writable copy."""
    if isinstance(value, np.ndarray) and value.ndim == 2:
        array: Any = np.array(as_octets(value, name)).reshape(value.shape)
    else:
        array = _joined([value] if isinstance(value, _SINGLE) else list(value), name, widths[0])
    if array.shape[1] not in widths:
        expected = " or ".join(str(width) for width in widths)
        raise ValueError(f"{name} must be rows of {expected} bytes, not {array.shape[1]}")
    if len(array) != count and not (shared and len(array) == 1):
        raise ValueError(f"{name} has {len(array)} rows for {count} messages")
    return array


def _joined(rows: list[Any], name: str, width: int) -> Octets:
    octets = [as_octets(row, name) for row in rows]
    if len({row.size for row in octets}) > 1:
        raise ValueError(f"{name} must all be of one size")
    return np.concatenate([np.empty(0, np.uint8), *octets]).reshape(
        len(rows), octets[0].size if rows else width
    )


def _pairs(blocks: Octets, add: NDArray[np.uint64] | None = None) -> NDArray[np.uint64]:
    """Return big-endian 128-bit numbers, plus `add`, as (n, 2) uint64."""
    words = blocks.view(">u8").astype(np.uint64).reshape(-1, 2)
    if add is not None:
        words[:, 1] += add
        words[:, 0] += words[:, 1] < add
    return words


def _initial_ids(seeds: Octets, sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """`initial_bucket_id` of every message, as (n, 2) uint64."""
    ids = _pairs(seeds)
    ids[:, 1] ^= sizes.astype(np.uint64)
    hash_rows(ids)
    return ids


def _number(pair: NDArray[np.uint64]) -> int:
    return int(pair[0]) << 64 | int(pair[1])


@njit(cache=True, nogil=True)
def _ctr_many(lanes, keys, counters, skips, src, dst, starts, stops):
    schedule, rounds = np.empty(SCHEDULE_WORDS, np.uint32), 0
    for i in range(starts.size):
        if i == 0 or keys.shape[0] > 1:
            rounds = key_schedule(lanes, keys[i], schedule)
        piece = src[starts[i] : stops[i]], dst[starts[i] : stops[i]]
        ctr_scheduled(lanes, schedule, rounds, counters[i, 0], counters[i, 1], skips[i], *piece, False)


@njit(cache=True, nogil=True)
def _gctr_many(lanes, keys, sids, first, skips, src, dst, starts, stops):
    schedule, rounds, work = np.empty(SCHEDULE_WORDS, np.uint32), 0, np.empty(WORK_WORDS, np.uint64)
    for i in range(starts.size):
        if i == 0 or keys.shape[0] > 1:
            rounds = key_schedule(lanes, keys[i], schedule)
        piece = src[starts[i] : stops[i]], dst[starts[i] : stops[i]]
        place = sids[i, 0], sids[i, 1], first[i], skips[i]
        gctr_scheduled(lanes, schedule, rounds, *place, *piece, False, work)


@njit(cache=True, nogil=True)
def _bucket_ctr_many(lanes, keys, nonces, sids, shape, first, skips, src, dst, starts, stops):
    schedule, rounds, work = (
        np.empty(SCHEDULE_WORDS, np.uint32),
        0,
        np.empty(counter_words(shape[0]), np.uint64),
    )
    for i in range(starts.size):
        if i == 0 or keys.shape[0] > 1:
            rounds = key_schedule(lanes, keys[i], schedule)
        piece = src[starts[i] : stops[i]], dst[starts[i] : stops[i]]
        place = nonces[i], sids[i, 0], sids[i, 1], shape, first[i], skips[i]
        bucket_ctr_scheduled(lanes, schedule, rounds, *place, *piece, False, work)
