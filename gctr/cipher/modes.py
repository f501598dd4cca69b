"""AES-CTR, GCTR-AES and bucket_ctr: xor with a keystream, at any offset.

References: NIST SP 800-38A (CTR); `gctr.cipher` for GCTR version 1. Oracle: OpenSSL's CTR through
`cryptography`, and tests/reference.py for the bucket modes.
"""

import warnings
from functools import partial
from typing import Any

from gctr.cipher._buffers import (
    BLOCK,
    KEY_SIZES,
    NONCE_SIZES,
    SEED_SIZES,
    BytesLike,
    as_secret,
    check_range,
    result_like,
    source_and_target,
)
from gctr.cipher._engine import bucket_ctr_piece, ctr_piece, gctr_piece, in_threads
from gctr.cipher.buckets import VERSION_1, GctrParams

MAX_BUCKETS = 1 << 32
THREAD_STEP = 4096  # bytes; two threads never write the same page


class InsecureModeWarning(UserWarning):
    """`gctr_xor` reproduces a paper's mode; it repeats its keystream and protects nothing.

    Acknowledge it with ``warnings.filterwarnings("ignore", category=gctr.cipher.InsecureModeWarning)``.
    """


def ctr_xor(
    key: BytesLike,
    counter_block: BytesLike,
    data: BytesLike,
    *,
    offset: int = 0,
    out: BytesLike | None = None,
    threads: int = 1,
) -> Any:
    """Encrypt or decrypt with AES-CTR (NIST SP 800-38A, the whole block counts, modulo 2**128).

    Parameters
    ----------
    key : bytes-like, 16, 24 or 32 bytes
    counter_block : bytes-like, 16 bytes
        Counter block of the first block of the stream.
    data : bytes-like or uint8 array
    offset : int
        Position of `data` in the stream, in bytes; need not be a multiple of 16.
    out : writable bytes-like or uint8 array, optional
        Where to write; `data` itself works in place.
    threads : int
        Parts to work on at once; worth it from about a megabyte.

    Returns
    -------
    bytes, or uint8 array of the shape of `data` where `data` is an array; `out` where it is given.

    Raises
    ------
    TypeError, ValueError
        Wrong key or counter size, negative offset, more than 2**128 blocks, unusable `out`.

    Notes
    -----
    No two streams under one key may share a counter value.
    """
    key, counter = as_secret(key, "key", KEY_SIZES), as_secret(counter_block, "counter_block", (BLOCK,))
    src, dst = source_and_target(data, out)
    check_range(offset, src.size, BLOCK << 128)
    in_threads(partial(ctr_piece, key, counter), offset, src, dst, THREAD_STEP, threads)
    return result_like(data, out, dst)


def gctr_xor(
    key: BytesLike,
    seed: BytesLike,
    data: BytesLike,
    *,
    size: int | None = None,
    offset: int = 0,
    params: GctrParams = VERSION_1,
    out: BytesLike | None = None,
    threads: int = 1,
) -> Any:
    """Encrypt or decrypt with GCTR-AES, the paper's mode. Insecure: for reproduction and attack only.

    One AES vector is repeated over its whole bucket, so plaintext differences inside a bucket show in the
    ciphertext; the stream depends on `size` only through ``seed XOR size``. Store with `bucket_gcm_seal`.

    Parameters
    ----------
    key, out, threads
        As for `ctr_xor`.
    seed : bytes-like, 16 bytes
    data : bytes-like or uint8 array
        The whole data, or a piece of it.
    size : int, optional
        Bytes of the whole data, below 2**64. Must be given with an offset; by default the bytes of `data`.
    offset : int
        Position of `data` in the whole data, in bytes; any.
    params : GctrParams
        Reading of the paper.

    Returns
    -------
    bytes or uint8 array
        As `ctr_xor`.

    Raises
    ------
    TypeError, ValueError
        Wrong key or seed size, negative offset, a piece that reaches past `size`, unusable `out`.

    Warns
    -----
    InsecureModeWarning
        Once a process.
    """
    warn_insecure()
    key, seed = as_secret(key, "key", KEY_SIZES), as_secret(seed, "seed", SEED_SIZES)
    src, dst = source_and_target(data, out)
    size = _whole_size(size, offset, src.size)
    if src.size:
        in_threads(
            partial(gctr_piece, key, seed, size, params), offset, src, dst, params.group_bytes, threads
        )
    return result_like(data, out, dst)


def bucket_ctr_xor(
    key: BytesLike,
    nonce: BytesLike,
    seed: BytesLike,
    data: BytesLike,
    *,
    size: int | None = None,
    offset: int = 0,
    params: GctrParams = VERSION_1,
    out: BytesLike | None = None,
    threads: int = 1,
) -> Any:
    """Encrypt or decrypt with bucket_ctr: GCTR's layout, and no keystream block used twice.

    Block i of bucket b is ``AES_K(nonce || BE32(b) || BE32(i))``. Confidential only; `bucket_gcm_seal` also
    authenticates.

    Parameters
    ----------
    key, data, size, offset, out, threads
        As for `gctr_xor`.
    nonce : bytes-like, 8 bytes
    seed : bytes-like, 16 bytes
        Places the buckets.
    params : GctrParams
        `group_size` and `buckets`; unit and vector as in version 1.

    Returns
    -------
    bytes or uint8 array
        As `ctr_xor`.

    Raises
    ------
    TypeError, ValueError
        As for `gctr_xor`; also another unit or vector, and more than 2**32 buckets, whose 32-bit number would wrap
        into reuse.

    Notes
    -----
    A (key, nonce) pair must serve one message only, whatever its seed and size.
    """
    key, nonce = as_secret(key, "key", KEY_SIZES), as_secret(nonce, "nonce", NONCE_SIZES)
    seed = as_secret(seed, "seed", SEED_SIZES)
    src, dst = source_and_target(data, out)
    size = _whole_size(size, offset, src.size)
    check_bucket_limit(size, params)
    if src.size:
        piece = partial(bucket_ctr_piece, key, nonce, seed, size, params)
        in_threads(piece, offset, src, dst, params.group_bytes, threads)
    return result_like(data, out, dst)


def check_bucket_limit(size: int, params: GctrParams) -> None:
    """Refuse parameters under which a bucket's 32-bit number or block counter could wrap into reuse.

    Raises
    ------
    ValueError
        If the unit is not the block or the vector not the bucket's, or data of `size` bytes may have more than 2**32
        buckets.
    """
    if params.unit != "block" or params.vector != "bucket":
        raise ValueError(
            "bucket_ctr and bucket_gcm need unit='block' and vector='bucket'; the other readings are gctr's alone"
        )
    groups = -(-size // params.group_bytes)
    if groups * params.buckets > MAX_BUCKETS:
        raise ValueError(
            f"{size} bytes have more than 2**32 buckets, the bucket counter would wrap into reuse; "
            "split the data under several nonces or raise group_size"
        )


def _whole_size(size: int | None, offset: int, length: int) -> int:
    if size is None:
        if offset:
            raise ValueError(
                "size, the bytes of the whole data, is needed with an offset: the keystream depends on it"
            )
        return length
    if not 0 <= size < 1 << 64:
        raise ValueError(f"size must be 0 to 2**64 - 1 bytes, not {size}")
    check_range(offset, length, size)
    return size


_warned = False


def warn_insecure() -> None:
    """Warn once a process, whatever the filters; under an "error" filter every call raises."""
    global _warned
    if not _warned:
        text = "gctr reproduces a paper and is not secure: it repeats its keystream. Store with bucket_gcm."
        warnings.warn(text, InsecureModeWarning, stacklevel=3)
        _warned = True
