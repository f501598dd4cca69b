"""One call from Python into the kernels: secrets come as one array of bytes, so that little is converted on the way.

Numbers below 2**64 come as signed 64-bit ones of the same bits, the only kind that numba takes without a wrapper.
"""

import numpy as np
from numba import njit

from gctr.cipher._bucket_ctr import bucket_ctr_into
from gctr.cipher._buffers import BLOCK
from gctr.cipher._groups import GROUP_BYTES, gctr_into
from gctr.cipher._intrinsics import hash_1
from gctr.cipher.aes import ctr_into


@njit(cache=True, nogil=True)
def ctr_call(lanes, secrets, offset, src, dst, streaming):
    """AES-CTR from byte `offset` of the stream; `secrets` is key and counter block."""
    upper, start = _two_words(secrets, secrets.size - BLOCK)
    lower = start + (np.uint64(offset) >> np.uint64(4))
    upper += np.uint64(lower < start)
    ctr_into(lanes, secrets[:-BLOCK], upper, lower, offset & 15, src, dst, streaming)


@njit(cache=True, nogil=True)
def gctr_call(lanes, secrets, size, offset, src, dst, streaming):
    """GCTR version 1 from byte `offset` of data of `size` bytes; `secrets` is key and seed."""
    sid, (first, skip) = _initial_id(secrets, size), _place(offset, GROUP_BYTES)
    gctr_into(lanes, secrets[:-BLOCK], sid, first, skip, src, dst, streaming)


@njit(cache=True, nogil=True)
def bucket_ctr_call(lanes, secrets, size, offset, shape, src, dst, streaming):
    """bucket_ctr from byte `offset` of data of `size` bytes; `secrets` is key, nonce and seed."""
    sid, (first, skip) = _initial_id(secrets, size), _place(offset, BLOCK * shape[0])
    key, nonce = secrets[: -BLOCK - 8], _word(secrets, secrets.size - BLOCK - 8)
    bucket_ctr_into(lanes, key, nonce, sid, shape, first, skip, src, dst, streaming)


def signed(number: int) -> int:
    """Return the signed 64-bit number that has the bits of this unsigned one."""
    return number if number < 1 << 63 else number - (1 << 64)


@njit(cache=True, nogil=True)
def _initial_id(secrets, size):
    """Step 2 of GCTR: the seed stands at the end of `secrets`."""
    row = np.empty((1, 2), np.uint64)
    row[0, 0], row[0, 1] = _two_words(secrets, secrets.size - BLOCK)
    row[0, 1] ^= np.uint64(size)
    hash_1(row, 0)
    return row[0, 0], row[0, 1]


@njit(cache=True, nogil=True)
def _place(offset, group_bytes):
    """Group in which byte `offset` stands, and its byte in there."""
    group = np.uint64(offset) // np.uint64(group_bytes)
    return group, np.int64(np.uint64(offset) - group * np.uint64(group_bytes))


@njit(cache=True, nogil=True)
def _two_words(octets, at):
    return _word(octets, at), _word(octets, at + 8)


@njit(cache=True, nogil=True)
def _word(octets, at):
    """Big-endian 64-bit word at byte `at`."""
    word = np.uint64(0)
    for i in range(8):
        word = word << np.uint64(8) | np.uint64(octets[at + i])
    return word
