"""bucket_gcm: AES-GCM a bucket, so that any bucket opens alone and none can be moved.

AES-GCM (NIST SP 800-38D) is the library's (`cryptography`). Sealed data is the buckets' ciphertexts in order,
each followed by its 16-byte tag: bucket b stands at ``start + 16 b``.
"""

import struct
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gctr.cipher._buffers import KEY_SIZES, NONCE_SIZES, SEED_SIZES, BytesLike, as_octets, as_secret
from gctr.cipher.buckets import TAG, VERSION_1, BucketLayout, GctrParams, bucket_layout
from gctr.cipher.modes import check_bucket_limit

_DOMAIN = b"gctr bucket_gcm 1"


class AuthenticationError(ValueError):
    """Sealed data did not authenticate; nothing of it was released.

    Key, nonce, seed, parameters or associated data differ from those it was sealed with, or it was changed,
    cut, reordered or spliced.
    """


def bucket_gcm_seal(
    key: BytesLike,
    nonce: BytesLike,
    seed: BytesLike,
    data: BytesLike,
    *,
    associated_data: BytesLike = b"",
    params: GctrParams = VERSION_1,
) -> bytes:
    """Encrypt and authenticate every bucket on its own.

    Bucket b has the nonce ``nonce || BE32(b)``; its associated data binds the parameters, the seed, the whole
    size, b and the caller's `associated_data`. Splicing, truncating and reordering buckets therefore fail.

    Parameters
    ----------
    key : bytes-like, 16, 24 or 32 bytes
    nonce : bytes-like, 8 bytes
    seed : bytes-like, 16 bytes
        Places the buckets.
    data : bytes-like or uint8 array, at least 1 byte
    associated_data : bytes-like
        What must not be separated from the data: camera, segment, object, frame range, background version.
    params : GctrParams
        `group_size` and `buckets`; unit and vector as in version 1. A 16-byte tag a bucket is 5 % at the defaults.

    Returns
    -------
    bytes
        ``len(data) + 16 * number of buckets`` bytes.

    Raises
    ------
    TypeError, ValueError
        Wrong sizes, empty data (nothing would authenticate it), another unit or vector, more than 2**32 buckets.

    Notes
    -----
    A (key, nonce) pair must serve one message only; reuse gives AES-GCM's authentication key away.
    """
    sealer = _Buckets(key, nonce, seed, associated_data, params)
    octets = as_octets(data, "data")
    if not octets.size:
        raise ValueError("there is nothing to seal: data is empty")
    return sealer.seal(octets.data, sealer.layout(octets.size))


def bucket_gcm_open(
    key: BytesLike,
    nonce: BytesLike,
    seed: BytesLike,
    sealed: BytesLike,
    *,
    associated_data: BytesLike = b"",
    params: GctrParams = VERSION_1,
) -> bytes:
    """Open what `bucket_gcm_seal` sealed, all of it or nothing.

    Parameters
    ----------
    key, nonce, seed, associated_data, params
        As when it was sealed.
    sealed : bytes-like or uint8 array

    Returns
    -------
    bytes

    Raises
    ------
    AuthenticationError
        If anything differs or was changed; no plaintext is released.
    TypeError, ValueError
        Wrong sizes.
    """
    opener = _Buckets(key, nonce, seed, associated_data, params)
    octets = as_octets(sealed, "sealed").data
    for layout in opener.candidates(len(octets)):
        try:
            return opener.open(octets, layout)
        except InvalidTag:
            continue
    raise AuthenticationError(_FAILED)


def bucket_gcm_open_range(
    key: BytesLike,
    nonce: BytesLike,
    seed: BytesLike,
    part: BytesLike,
    *,
    size: int,
    start: int,
    stop: int,
    associated_data: BytesLike = b"",
    params: GctrParams = VERSION_1,
) -> bytes:
    """Open bytes `start` to `stop` from the sealed buckets that cover them.

    Parameters
    ----------
    key, nonce, seed, associated_data, params
        As when it was sealed.
    part : bytes-like or uint8 array
        ``sealed[slice(*bucket_layout(seed, size, params, start=start, stop=stop).sealed_range)]``.
    size : int
        Bytes of the whole data.
    start, stop : int
        Byte range of the whole data, `stop` exclusive.

    Returns
    -------
    bytes
        ``data[start:stop]``.

    Raises
    ------
    AuthenticationError
        If anything differs or was changed; no plaintext is released.
    TypeError, ValueError
        Wrong sizes, or a range outside the data.
    """
    opener = _Buckets(key, nonce, seed, associated_data, params)
    octets = as_octets(part, "part").data
    if stop - start > len(octets):  # before a layout is made: a forged size or range may claim exabytes
        raise AuthenticationError(f"{_FAILED} ({len(octets)} sealed bytes cannot hold bytes {start}:{stop})")
    layout = opener.layout(size, start, stop)
    first, end = layout.sealed_range
    if len(octets) != end - first:
        raise AuthenticationError(
            f"{_FAILED} (bytes {start}:{stop} are {end - first} sealed bytes, not {len(octets)})"
        )
    if not len(layout):
        return b""
    try:
        opened = opener.open(octets, layout)
    except InvalidTag:
        raise AuthenticationError(_FAILED) from None
    skip = start - int(layout.starts[0])
    return opened[skip : skip + stop - start]


_FAILED = (
    "the sealed data does not authenticate: wrong key, nonce, seed or associated data, or it was changed"
)


class _Buckets:
    """AES-GCM over the buckets of one message."""

    def __init__(
        self,
        key: BytesLike,
        nonce: BytesLike,
        seed: BytesLike,
        associated_data: BytesLike,
        params: GctrParams,
    ) -> None:
        self._aead = AESGCM(as_secret(key, "key", KEY_SIZES))
        self._nonce, self._seed = as_secret(nonce, "nonce", NONCE_SIZES), as_secret(seed, "seed", SEED_SIZES)
        self._associated_data = as_octets(associated_data, "associated_data").tobytes()
        self._params = params

    def layout(self, size: int, start: int = 0, stop: int | None = None) -> BucketLayout:
        check_bucket_limit(size, self._params)
        return bucket_layout(self._seed, size, self._params, start=start, stop=stop)

    def candidates(self, sealed_size: int) -> Iterator[BucketLayout]:
        """Yield the layouts of this sealed size; size moves the cuts, so the last group may fit twice."""
        params = self._params
        groups, rest = divmod(sealed_size, params.group_bytes + TAG * params.buckets)
        if not rest:
            if groups:
                yield self.layout(groups * params.group_bytes)
            return
        for count in range(1, params.buckets + 1):
            last = rest - TAG * count
            if 0 < last < params.group_bytes:
                size = groups * params.group_bytes + last
                if len(self.layout(size, groups * params.group_bytes)) == count:
                    yield self.layout(size)

    def seal(self, octets: memoryview, layout: BucketLayout) -> bytes:
        encrypt, head, tail = self._aead.encrypt, self._head(layout.size), self._associated_data
        pieces = []
        for number, start, length in self._numbers(layout):
            pieces.append(encrypt(self._nonce + number, octets[start : start + length], head + number + tail))
        return b"".join(pieces)

    def open(self, octets: memoryview, layout: BucketLayout) -> bytes:
        decrypt, head, tail = self._aead.decrypt, self._head(layout.size), self._associated_data
        pieces, at = [], 0
        for number, _, length in self._numbers(layout):
            end = at + length + TAG
            pieces.append(decrypt(self._nonce + number, octets[at:end], head + number + tail))
            at = end
        return b"".join(pieces)

    @staticmethod
    def _numbers(layout: BucketLayout) -> Iterator[tuple[bytes, int, int]]:
        """Yield each bucket's number as BE32, its first byte and its bytes."""
        numbers = layout.index.astype(">u4").tobytes()
        each = (numbers[i : i + 4] for i in range(0, len(numbers), 4))
        return zip(each, layout.starts.tolist(), layout.lengths.tolist(), strict=True)

    def _head(self, size: int) -> bytes:
        """Associated data before the bucket's number; all of fixed size, so that the whole reads one way only."""
        return _DOMAIN + self._seed + struct.pack(">IIQ", self._params.group_size, self._params.buckets, size)
