"""Many messages, or many ranges of messages, in one call: for messages of some kilobytes a call each costs more than
the cipher.

All messages stand in one flat buffer; message i is ``data[starts[i] : starts[i] + lengths[i]]`` and is written to the
same place of the output. Starts, lengths, offsets and sizes are below 2**62. Oracle: the single-message functions of
`gctr.cipher.modes`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gctr.cipher._buffers import BLOCK, NONCE_SIZES, SEED_SIZES, BytesLike, Octets, result_like
from gctr.cipher._engine import bucket_ctr_piece, ctr_piece, gctr_piece
from gctr.cipher._layout import initial_ids
from gctr.cipher._many import bucket_ctr_many, ctr_many, gctr_many
from gctr.cipher._messages import Batch, Rows, pairs, rows
from gctr.cipher.buckets import VERSION_1, GctrParams
from gctr.cipher.modes import check_bucket_limit, warn_insecure


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
    batch = Batch.checked(keys, data, starts, lengths, offsets, out, threads)
    blocks = rows(counter_blocks, "counter_blocks", (BLOCK,), batch.n)
    counters = pairs(blocks, (batch.offsets // BLOCK).astype(np.uint64))
    skips = batch.offsets % BLOCK

    def kernel(lanes: tuple[int, ...], part: slice) -> None:
        ctr_many(lanes, batch.keys_of(part), counters[part], skips[part], *batch.place(part))

    def single(i: int, key: bytes, src: Octets, dst: Octets) -> None:
        ctr_piece(key, blocks[i].tobytes(), int(batch.offsets[i]), src, dst)

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
    batch = Batch.checked(keys, data, starts, lengths, offsets, out, threads)
    each, whole = rows(seeds, "seeds", SEED_SIZES, batch.n), batch.sizes(sizes)
    sids = _initial_ids(each, whole)
    first, skip = np.divmod(batch.offsets, params.group_bytes)

    def kernel(lanes: tuple[int, ...], part: slice) -> None:
        place = batch.place(part)
        gctr_many(lanes, batch.keys_of(part), sids[part], first[part], skip[part], *place)

    def single(i: int, key: bytes, src: Octets, dst: Octets) -> None:
        place = int(whole[i]), params, int(batch.offsets[i])
        gctr_piece(key, each[i].tobytes(), *place, src, dst)

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
        `group_size` and `buckets`; unit and vector as in version 1.

    Returns
    -------
    bytes or uint8 array
        As `ctr_xor_batch`.

    Raises
    ------
    TypeError, ValueError
        As `gctr_xor_batch`; also another unit or vector, and more than 2**32 buckets.
    """
    batch = Batch.checked(keys, data, starts, lengths, offsets, out, threads)
    whole = batch.sizes(sizes)
    check_bucket_limit(int(whole.max(initial=0)), params)
    each, octets = rows(seeds, "seeds", SEED_SIZES, batch.n), rows(nonces, "nonces", NONCE_SIZES, batch.n)
    sids, numbers = _initial_ids(each, whole), octets.view(">u8").astype(np.uint64).ravel()
    shape, (first, skip) = (params.group_size, params.buckets), np.divmod(batch.offsets, params.group_bytes)

    def kernel(lanes: tuple[int, ...], part: slice) -> None:
        place = first[part], skip[part], *batch.place(part)
        bucket_ctr_many(lanes, batch.keys_of(part), numbers[part], sids[part], shape, *place)

    def single(i: int, key: bytes, src: Octets, dst: Octets) -> None:
        place = int(whole[i]), params, int(batch.offsets[i])
        bucket_ctr_piece(key, octets[i].tobytes(), each[i].tobytes(), *place, src, dst)

    batch.run(kernel, single)
    return result_like(data, out, batch.dst)


def _initial_ids(seeds: Octets, sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """`initial_bucket_id` of every message, as (n, 2) uint64."""
    ids = pairs(seeds)
    ids[:, 1] ^= sizes.astype(np.uint64)
    initial_ids(ids)
    return ids
