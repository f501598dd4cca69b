"""Bucket groups of GCTR: from seed and size to the buckets of any byte range.

A group is `group_size` units cut into `buckets` runs of random, positive length. Every group is computed
from its own Philox counter block, so the buckets of any range are found without the ones before.

Generator: Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011); sampling:
Floyd (Bentley & Floyd, CACM 30, 1987). Oracle: `numpy.random.Philox`, in tests/reference.py.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gctr.cipher._buffers import BLOCK, SEED_SIZES, Octets, as_secret
from gctr.cipher._layout import bucket_ends

TAG = 16  # bytes of the tag that `bucket_gcm_seal` puts after each bucket
MAX_GROUP_SIZE = 1 << 16


@dataclass(frozen=True)
class GctrParams:
    """Readings of the paper's section 4; the defaults are GCTR-AES version 1.

    Parameters
    ----------
    unit : {"block", "byte"}
        What a bucket's size counts: AES blocks of 16 bytes, or bytes. Only blocks save AES calls.
    vector : {"bucket", "group"}
        What one encryption vector serves: a bucket, or a whole group (then group g has the id ``sid + g``).
    group_size : int
        Units a group, 1 to 65536.
    buckets : int
        Buckets a group, 1 to `group_size`. With ``buckets == group_size`` every bucket is one block and the
        mode is AES-CTR from counter block `sid`; with ``buckets == 1`` a group is one repeated vector.

    Raises
    ------
    ValueError
        If a field is outside these limits.
    """

    unit: Literal["block", "byte"] = "block"
    vector: Literal["bucket", "group"] = "bucket"
    group_size: int = 100
    buckets: int = 5

    def __post_init__(self) -> None:
        if self.unit not in ("block", "byte"):
            raise ValueError(f"unit must be 'block' or 'byte', not {self.unit!r}")
        if self.vector not in ("bucket", "group"):
            raise ValueError(f"vector must be 'bucket' or 'group', not {self.vector!r}")
        if not 1 <= self.group_size <= MAX_GROUP_SIZE:
            raise ValueError(f"group_size must be 1 to {MAX_GROUP_SIZE}, not {self.group_size}")
        if not 1 <= self.buckets <= self.group_size:
            raise ValueError(f"buckets must be 1 to group_size ({self.group_size}), not {self.buckets}")

    @property
    def unit_bytes(self) -> int:
        """Bytes of one unit: 16 or 1."""
        return BLOCK if self.unit == "block" else 1

    @property
    def group_bytes(self) -> int:
        """Bytes of one whole group; 1600 at the defaults."""
        return self.group_size * self.unit_bytes

    @property
    def is_ctr(self) -> bool:
        """Whether every bucket is one block, which makes the mode AES-CTR from counter block `sid`."""
        return self.unit == "block" and self.vector == "bucket" and self.buckets == self.group_size


VERSION_1 = GctrParams()


@dataclass(frozen=True)
class BucketLayout:
    """The buckets that touch a byte range.

    Attributes
    ----------
    sid : int
        Initial bucket id, 128 bits.
    size : int
        Bytes of the whole data (`ds`).
    params : GctrParams
    index : (n,) uint64
        Number of each bucket, counted from 0 over the whole data.
    starts, lengths : (n,) uint64
        First byte and bytes of each bucket; the last bucket is cut at `size`.
    """

    sid: int
    size: int
    params: GctrParams
    index: NDArray[np.uint64]
    starts: NDArray[np.uint64]
    lengths: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def ids(self) -> Octets:
        """Bucket ids, (n, 16) uint8, big-endian: ``sid + index`` modulo 2**128."""
        return bucket_ids(self.sid, self.index)

    @property
    def sealed_range(self) -> tuple[int, int]:
        """First byte and end of these buckets in what `bucket_gcm_seal` returns, a 16-byte tag a bucket."""
        if not len(self):
            return 0, 0
        tags_before, tags = TAG * int(self.index[0]), TAG * len(self)
        start, length = int(self.starts[0]), int(self.lengths.sum())
        return start + tags_before, start + length + tags_before + tags


def initial_bucket_id(seed: bytes, size: int) -> int:
    """Return `sid`, the first 128 bits of SHA-256 over the big-endian 128-bit number ``seed XOR size``.

    Parameters
    ----------
    seed : bytes-like, 16 bytes
    size : int
        Bytes of the whole data, 1 <= size < 2**64.

    Raises
    ------
    TypeError, ValueError
        If the seed is not 16 bytes or the size is out of range.
    """
    if not 1 <= size < 1 << 64:
        raise ValueError(f"size must be 1 to 2**64 - 1 bytes, not {size}")
    mixed = int.from_bytes(as_secret(seed, "seed", SEED_SIZES), "big") ^ size
    return int.from_bytes(hashlib.sha256(mixed.to_bytes(16, "big")).digest()[:16], "big")


def bucket_layout(
    seed: bytes, size: int, params: GctrParams = VERSION_1, *, start: int = 0, stop: int | None = None
) -> BucketLayout:
    """Return the buckets that touch bytes `start` to `stop` of data of `size` bytes.

    Cost and memory grow with the range, not with `size`.

    Parameters
    ----------
    seed : bytes-like, 16 bytes
    size : int
        Bytes of the whole data, 1 <= size < 2**64.
    params : GctrParams
    start, stop : int
        Byte range, `stop` exclusive and by default `size`.

    Raises
    ------
    TypeError, ValueError
        If the seed is not 16 bytes, or the size or the range is out of bounds.
    """
    sid = initial_bucket_id(seed, size)
    stop = size if stop is None else stop
    if not 0 <= start <= stop <= size:
        raise ValueError(f"the range {start}:{stop} does not lie inside 0:{size}")
    first, n_groups = groups_of_range(start, stop, params)
    ends = np.empty((n_groups, params.buckets), np.uint32)
    bucket_ends(*split128(sid), np.uint64(first), params.group_size, ends)
    bounds = np.zeros(ends.size + 1, np.uint64)
    bounds[1:] = (ends.astype(np.uint64) * np.uint64(params.unit_bytes)).ravel()
    bounds[1:] += np.repeat(np.arange(n_groups, dtype=np.uint64), params.buckets) * np.uint64(
        params.group_bytes
    )
    base = first * params.group_bytes
    touched = (bounds[1:] > start - base) & (bounds[:-1] < stop - base)
    starts, cut = bounds[:-1][touched], np.minimum(bounds[1:][touched], np.uint64(size - base))
    index = np.flatnonzero(touched).astype(np.uint64) + np.uint64(first * params.buckets)
    return BucketLayout(sid, size, params, index, starts + np.uint64(base), cut - starts)


def bucket_ids(sid: int, index: NDArray[np.uint64]) -> Octets:
    """Return ``sid + index`` modulo 2**128, (n, 16) uint8, big-endian."""
    upper, lower = split128(sid)
    words = np.empty((index.size, 2), ">u8")
    words[:, 1] = total = lower + index
    words[:, 0] = upper + (total < lower)
    return words.view(np.uint8)


def groups_of_range(start: int, stop: int, params: GctrParams) -> tuple[int, int]:
    """Return the first group and the number of groups that bytes `start` to `stop` touch."""
    if stop <= start:
        return start // params.group_bytes, 0
    first = start // params.group_bytes
    return first, (stop - 1) // params.group_bytes - first + 1


def split128(value: int) -> tuple[np.uint64, np.uint64]:
    """Return the upper and the lower 64 bits of a 128-bit number."""
    return np.uint64(value >> 64), np.uint64(value & 0xFFFFFFFFFFFFFFFF)
