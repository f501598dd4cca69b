"""The modes under attack: one camera's messages, encrypted under each. `SCHEMES`, at the end, names them.

Oracle: every scheme is a call of `gctr.cipher`, which tests/reference.py checks.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gctr.cipher import GctrParams, bucket_ctr_xor, bucket_gcm_seal, bucket_layout, ctr_xor, gctr_xor

TAG = 16  # bytes
Octets = NDArray[np.uint8]


def camera_secret(seed: int) -> tuple[bytes, bytes]:
    """Return a camera's AES-256 key and 16-byte seed for the paper's mode, drawn from `seed`."""
    drawn = np.random.default_rng([seed, 0x6763]).bytes(48)
    return drawn[:32], drawn[32:]


def encrypt(
    mode: str, payload: Octets | bytes, seed: int, number: int = 0, params: GctrParams | None = None
) -> Octets:
    """Return the ciphertext of a camera's message, without tags.

    Parameters
    ----------
    mode : str
        One of `SCHEMES`.
    payload : bytes or (n,) uint8
    seed : int
        Names the camera; the same seed gives the same key.
    number : int
        Of the message.
    params : GctrParams, optional

    Returns
    -------
    (n,) uint8
        Of ``bucket_gcm`` without the tags, which an attacker strips once the layout is known.
    """
    params = params or GctrParams()
    data = np.frombuffer(payload, np.uint8)
    scheme = SCHEMES[mode]
    key, nonce, start = _fresh(seed, number)
    if not scheme.fresh_key:
        key, start = camera_secret(seed)
    sent = scheme.seal(key, nonce, start, data, params)
    return _without_tags(sent, start, data.size, params) if scheme.tags else sent


def layout_seed(mode: str, seed: int, number: int = 0) -> bytes:
    """Return the seed that places the buckets of a message made by `encrypt`; gctr's where a mode has none."""
    scheme = SCHEMES[mode]
    return _fresh(seed, number)[2] if scheme.fresh_key and scheme.buckets else camera_secret(seed)[1]


def _fresh(seed: int, number: int) -> tuple[bytes, bytes, bytes]:
    drawn = np.random.default_rng([seed, number, 1]).bytes(56)
    return drawn[:32], drawn[32:40], drawn[40:]


def _without_tags(sealed: Octets, seed: bytes, size: int, params: GctrParams) -> Octets:
    layout = bucket_layout(seed, size, params)
    ends = (layout.starts + layout.lengths).astype(np.int64) + TAG * np.arange(len(layout))
    tags = (ends[:, None] + np.arange(TAG)).ravel()
    return np.delete(sealed, tags)


class Scheme(NamedTuple):
    """How `seal` encrypts a message, given key, 8-byte nonce, 16-byte layout seed, (n,) uint8 data and parameters.

    Attributes
    ----------
    seal : callable
        Returns (m,) uint8, all that is stored of the message.
    fresh_key : bool
        Whether every message has a key of its own, as in `gctr.parties.envelope`; else a camera has one.
    buckets : bool
        Whether the layout seed places buckets.
    tags : bool
        Whether a tag of 16 bytes follows each bucket.
    """

    seal: Callable[[bytes, bytes, bytes, Octets, GctrParams], Octets]
    fresh_key: bool = True
    buckets: bool = True
    tags: bool = False


def _gcm(key: bytes, nonce: bytes, seed: bytes, data: Octets, params: GctrParams) -> Octets:
    return np.frombuffer(bucket_gcm_seal(key, nonce, seed, data, params=params), np.uint8)


def _weak(key: bytes, nonce: bytes, seed: bytes, data: Octets, params: GctrParams) -> Octets:
    block = np.frombuffer(ctr_xor(key, seed, bytes(16)), np.uint8)
    return data ^ np.resize(block, data.size)


SCHEMES: dict[str, Scheme] = {
    # The paper's `s XOR ds` implies one key and one seed for a camera.
    "gctr": Scheme(
        lambda key, nonce, seed, data, params: gctr_xor(key, seed, data, params=params), fresh_key=False
    ),
    "ctr": Scheme(lambda key, nonce, seed, data, params: ctr_xor(key, seed, data), buckets=False),
    "bucket_ctr": Scheme(
        lambda key, nonce, seed, data, params: bucket_ctr_xor(key, nonce, seed, data, params=params)
    ),
    "bucket_gcm": Scheme(_gcm, tags=True),
    # Planted, every attack must catch it: a counter mode whose counter was left out, one block for a whole message.
    "weak": Scheme(_weak, buckets=False),
}
"""Every mode under attack. A line here is a mode for all attacks, and a control if it is not the paper's."""

MODES = tuple(name for name in SCHEMES if name != "weak")
CONTROLS = tuple(name for name in MODES if name != "gctr")
